# Where a program begins, and how it calls the kernel.

.section .text.start, "ax"

# The kernel comes here with the arguments on the stack. Functions expect that
# the stack is a multiple of 16 where they are called, and the outermost frame
# is marked by a frame pointer of 0.
.globl _start
_start:
    xor ebp, ebp
    mov eax, esp
    and esp, -16
    sub esp, 12
    push eax
    call folio_program_start
    ud2

.text

# u32 folio_system_call(number, a, b, c, d, e)
.globl folio_system_call
folio_system_call:
    push ebx
    push esi
    push edi
    mov eax, [esp + 16]
    mov ebx, [esp + 20]
    mov ecx, [esp + 24]
    mov edx, [esp + 28]
    mov esi, [esp + 32]
    mov edi, [esp + 36]
    int 0x80
    pop edi
    pop esi
    pop ebx
    ret

# void folio_system_call_registers(Registers *registers)
#
# Makes a call with these registers, and stores what is in them afterwards. Also
# the stack pointer's difference, which is 0 if the kernel kept it.
.globl folio_system_call_registers
folio_system_call_registers:
    push ebp
    push ebx
    push esi
    push edi
    mov ebp, [esp + 20]
    mov eax, [ebp]
    mov ebx, [ebp + 4]
    mov ecx, [ebp + 8]
    mov edx, [ebp + 12]
    mov esi, [ebp + 16]
    mov edi, [ebp + 20]
    push ebp
    mov ebp, [ebp + 24]
    mov [folio_stack_pointer], esp
    int 0x80
    # With the wrong stack, the pointer to the registers would be lost.
    xchg esp, [folio_stack_pointer]
    xchg ebp, [esp]
    mov [ebp], eax
    mov [ebp + 4], ebx
    mov [ebp + 8], ecx
    mov [ebp + 12], edx
    mov [ebp + 16], esi
    mov [ebp + 20], edi
    pop dword ptr [ebp + 24]
    lea eax, [esp - 4]
    sub eax, [folio_stack_pointer]
    mov [ebp + 28], eax
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret

.local folio_stack_pointer
.comm folio_stack_pointer, 4, 4
