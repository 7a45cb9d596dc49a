# Where a program begins, and how it calls the kernel.

.section .text.start, "ax"

# The kernel enters here with the arguments on the stack. At a call, functions
# expect the stack pointer to be a multiple of 16; a frame pointer of 0 marks the
# outermost frame.
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

# u32 folio_system_call(number, a, b, c, d, e, f)
.globl folio_system_call
folio_system_call:
    push ebx
    push esi
    push edi
    push ebp
    mov eax, [esp + 20]
    mov ebx, [esp + 24]
    mov ecx, [esp + 28]
    mov edx, [esp + 32]
    mov esi, [esp + 36]
    mov edi, [esp + 40]
    mov ebp, [esp + 44]
    int 0x80
    pop ebp
    pop edi
    pop esi
    pop ebx
    ret

# void folio_system_call_registers(Registers *registers)
#
# Makes a system call with any registers, and stores the registers afterwards.
# Between loading the stack pointer and restoring the right one, nothing may use
# the stack. The data segments may be unusable, so memory is reached through ebp
# or with `ss:`, which both use the stack segment.
.globl folio_system_call_registers
folio_system_call_registers:
    push ebp
    push ebx
    push esi
    push edi
    mov ebp, [esp + 20]
    mov [folio_registers], ebp
    mov [folio_stack_pointer], esp
    mov eax, [ebp]
    mov ebx, [ebp + 4]
    mov ecx, [ebp + 8]
    mov edx, [ebp + 12]
    mov esi, [ebp + 16]
    mov edi, [ebp + 20]
    push dword ptr [ebp + 32]
    popfd
    mov ds, [ebp + 36]
    mov es, [ebp + 36]
    mov fs, [ebp + 36]
    mov gs, [ebp + 36]
    mov esp, [ebp + 28]
    mov ebp, [ebp + 24]
    int 0x80
    mov ss:[folio_base_pointer], ebp
    mov ebp, ss:[folio_registers]
    mov [ebp], eax
    mov [ebp + 4], ebx
    mov [ebp + 8], ecx
    mov [ebp + 12], edx
    mov [ebp + 16], esi
    mov [ebp + 20], edi
    mov eax, ss:[folio_base_pointer]
    mov [ebp + 24], eax
    mov [ebp + 28], esp
    mov esp, ss:[folio_stack_pointer]
    pushfd
    pop dword ptr [ebp + 32]
    push 0x202
    popfd
    mov eax, ss
    mov ds, eax
    mov es, eax
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret

.local folio_registers
.comm folio_registers, 4, 4
.local folio_stack_pointer
.comm folio_stack_pointer, 4, 4
.local folio_base_pointer
.comm folio_base_pointer, 4, 4
