# The header that QEMU's -kernel and GRUB look for (Multiboot Specification
# 0.6.96, section 3.1), and the entry to Rust. Paging and interrupts stay off.

.set MAGIC, 0x1BADB002
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
    # The address of the Multiboot information: section 3.2.
    push ebx
    call bench_main
2:  cli
    hlt
    jmp 2b

# The stack is large, because some of the peers are built on it.
.section .bss
.align 4096
.skip 0x200000
boot_stack_end:
