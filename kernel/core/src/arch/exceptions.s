# Where the processor arrives at an exception.

# One stub a vector, 16 bytes each, in order. Vectors 8, 10 to 14, 17, 21, 29
# and 30 come with an error code (Intel SDM volume 3A, table 6-1); the others
# get a zero in its place.
.section .text.exception_stubs, "ax"
.balign 16
.global EXCEPTION_STUBS
EXCEPTION_STUBS:
.set vector, 0
.rept 32
    .balign 16
    .if ((0x60227D00 >> vector) & 1) == 0
    push 0
    .endif
    push vector
    jmp exception_common
    .set vector, vector + 1
.endr

# On the stack, from ESP up: what ExceptionFrame lists.
exception_common:
    pushad
    cld
    mov eax, esp
    and esp, -16
    sub esp, 12
    push eax
    call exception_entry
    ud2

# The double fault's own task: its state is in its task state segment, its
# stack sound whatever happened to the other one. The processor pushed an error
# code, which is always zero.
.global DOUBLE_FAULT_START
DOUBLE_FAULT_START:
    cld
    xor ebp, ebp
    and esp, -16
    call double_fault_entry
    ud2

# Stores the caller's registers, in the order of `Registers`, where its first
# argument points to.
.global store_registers
store_registers:
    push ebp
    mov ebp, esp
    push eax
    mov eax, [ebp + 8]
    mov [eax + 16], ebx
    mov [eax + 20], ecx
    mov [eax + 24], edx
    mov [eax + 28], esi
    mov [eax + 32], edi
    mov ecx, [ebp + 4]
    mov [eax], ecx                      # EIP: where this returns to
    lea ecx, [ebp + 8]
    mov [eax + 4], ecx                  # ESP: as it will be after the return
    mov ecx, [ebp]
    mov [eax + 8], ecx                  # EBP
    pushfd
    pop ecx
    mov [eax + 12], ecx
    pop ecx                             # EAX
    mov [eax + 36], ecx
    mov ecx, [eax + 20]
    pop ebp
    ret
