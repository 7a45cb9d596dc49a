# The header that QEMU's -kernel and GRUB look for (Multiboot Specification
# 0.6.96, section 3.1), and the entry to Rust. Paging and interrupts stay off.
#
# The image is also a program for Linux on i386. A boot loader says in eax that it
# is one (section 3.2); Linux starts a program with a zero there.

.set MAGIC, 0x1BADB002
.set LOADER_MAGIC, 0x2BADB002
.set FLAGS, 0

.section .multiboot, "a"
.align 4
.long MAGIC
.long FLAGS
.long -(MAGIC + FLAGS)

.section .text
.global boot_start
boot_start:
    cld
    mov esp, offset boot_stack_end
    xor ebp, ebp
    cmp eax, LOADER_MAGIC
    jne 3f
    # The address of the Multiboot information: section 3.2.
    push ebx
    call bench_main
2:  cli
    hlt
    jmp 2b
3:  call bench_program
    ud2

# The stack is large, because some of the peers are built on it.
.section .bss
.align 4096
.skip 0x200000
boot_stack_end:
