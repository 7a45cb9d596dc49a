# From the bootloader to Rust: paging on, stack set, high half.
#
# The machine is in the state that the Multiboot Specification 0.6.96, section
# 3.2 describes: 32-bit protected mode, paging and interrupts off, EAX the
# loader's magic number, EBX the physical address of the boot information.
# There is no stack yet.

.set KERNEL_BASE, 0xC0000000
.set PRESENT_WRITABLE, 0x003
.set LARGE, 0x080                       # PSE: the directory entry maps 4 MiB
.set DIRECT_MAP_LARGE_PAGES, 192        # 768 MiB, as layout::DIRECT_MAP_SIZE
.set TEMPORARY_ENTRY, 1022              # layout::TEMPORARY_START >> 22

.section .multiboot, "a"
.balign 4
multiboot_header:
    .long 0x1BADB002
    .long 3                             # modules on page boundaries, memory information
    .long -(0x1BADB002 + 3)

# Linked at its physical address, since paging is still off.
.section .boot, "ax"
.global boot_start
boot_start:
    cli
    cld
    mov esi, eax                        # the magic number; EBX stays as it is

    # The first 4 MiB, in pages of 4 KiB: the kernel's image is there, and some
    # of its pages get other rights later.
    mov edi, offset LOW_TABLE - KERNEL_BASE
    mov eax, PRESENT_WRITABLE
1:  stosd
    add eax, 4096
    cmp eax, 0x400000
    jb 1b

    # Seen at address 0, where this code runs, and at KERNEL_BASE.
    mov edi, offset PAGE_DIRECTORY - KERNEL_BASE
    mov eax, offset LOW_TABLE - KERNEL_BASE + PRESENT_WRITABLE
    mov [edi], eax
    mov [edi + 4 * (KERNEL_BASE >> 22)], eax
    mov eax, offset TEMPORARY_TABLE - KERNEL_BASE + PRESENT_WRITABLE
    mov [edi + 4 * TEMPORARY_ENTRY], eax

    # The rest of the direct map, in pages of 4 MiB.
    mov ecx, 1
2:  mov eax, ecx
    shl eax, 22
    or eax, PRESENT_WRITABLE + LARGE
    mov [edi + 4 * (KERNEL_BASE >> 22) + 4 * ecx], eax
    inc ecx
    cmp ecx, DIRECT_MAP_LARGE_PAGES
    jb 2b

    mov cr3, edi
    mov eax, cr4
    or eax, 0x10                        # PSE
    mov cr4, eax
    mov eax, cr0
    or eax, 0x80010000                  # PG, and WP: read-only pages bind the kernel too
    mov cr0, eax
    mov eax, offset boot_high
    jmp eax

.section .text.boot_high, "ax"
boot_high:
    # Nothing is mapped below KERNEL_BASE from here on.
    mov dword ptr [PAGE_DIRECTORY], 0
    mov eax, cr3
    mov cr3, eax

    mov esp, offset BOOT_STACK_END
    xor ebp, ebp                        # a walk of the stack frames ends here
    sub esp, 8                          # the stack is aligned to 16 bytes at the call
    push ebx
    push esi
    call kernel_entry
    ud2                                 # it does not return

.section .bss.pages, "aw", @nobits
.balign 4096
.global PAGE_DIRECTORY
PAGE_DIRECTORY: .skip 4096
.global LOW_TABLE
LOW_TABLE: .skip 4096
.global TEMPORARY_TABLE
TEMPORARY_TABLE: .skip 4096

# The stacks, each above a page that is not mapped.
.global BOOT_STACK_GUARD
BOOT_STACK_GUARD: .skip 4096
.global BOOT_STACK
BOOT_STACK: .skip 65536
.global BOOT_STACK_END
BOOT_STACK_END:
.global FAULT_STACK_GUARD
FAULT_STACK_GUARD: .skip 4096
.skip 16384
.global FAULT_STACK_END
FAULT_STACK_END:
