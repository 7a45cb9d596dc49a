# A program that provokes every trap that ring 3 can provoke, for a check of the
# harness: position independent, copied into a page for users. It has a page for
# its stack.
#
# kernel/checks/src/harness/ring_3.rs lists its traps, and what the kernel must find
# at each.

.section .rodata.provoke, "a"
.global RING_3_PROGRAM
.global RING_3_PROGRAM_END
RING_3_PROGRAM:
    # A system call with another value in every register.
    push 0x57ac0001
    std
    mov eax, 0x1
    mov ebx, 0xb0000002
    mov ecx, 0xc0000003
    mov edx, 0xd0000004
    mov esi, 0x50000005
    mov edi, 0xd1000006
    mov ebp, 0xb9000007
    int 0x80
    # The result is in EAX, and every other register as before.
    pushfd
    cld
    cmp eax, 0xa0000008
    jne 9f
    cmp ebx, 0xb0000002
    jne 9f
    cmp ecx, 0xc0000003
    jne 9f
    cmp edx, 0xd0000004
    jne 9f
    cmp esi, 0x50000005
    jne 9f
    cmp edi, 0xd1000006
    jne 9f
    cmp ebp, 0xb9000007
    jne 9f
    pop eax
    test eax, 0x400                     # the direction flag
    jz 9f
    pop eax
    cmp eax, 0x57ac0001
    jne 9f
    mov eax, 0x2
    int 0x80

    # Forbidden instructions. The handler skips each: two bytes.
    mov ecx, 0xc0100010                 # an address of the kernel, and its data segment
    mov [ecx], eax                      # write to the kernel
    mov eax, [ecx]                      # read from it
    cli; nop
    in al, 0xf4                         # a port
    mov ds, ecx                         # a segment that ring 3 may not load
    int 0x20                            # the timer's vector
    fnop                                # floating point
    ud2
    hlt; nop
    xor ecx, ecx
    div ecx
    int3                                # a trap: EIP is past it already
    mov eax, 0x3
    int 0x80

    # Without data segments: the kernel does not depend on them, and they are
    # restored afterwards.
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov eax, 0x4
    int 0x80
    push eax
    mov ecx, esp
    mov eax, [ecx]

    # Spins until the timer interrupts.
    mov ebx, 0x1
1:  inc ebx
    jmp 1b

9:  mov eax, 0xbad
    int 0x80
    jmp 9b
RING_3_PROGRAM_END:
