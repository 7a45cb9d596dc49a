# Accesses that are allowed to fault.
#
# A probe saves its registers and its stack pointer, and tries an access. Either
# the access succeeds, or the exception handler finds that a probe is running
# and continues at probe_resume, with the stack as the probe left it.

.set USER_CODE, 0x1B                    # entries 3 and 4 of the descriptor table, for ring 3
.set USER_DATA, 0x23
.set KERNEL_DATA, 0x10

.section .bss.probe, "aw", @nobits
.balign 4
.global PROBE_STACK
PROBE_STACK: .skip 4                    # the probe's stack pointer; 0 while none is running

.section .text.probe, "ax"

# extern "C" fn probe_kernel(address: u32, value: u32, what: u32) -> u32
# Reads from the address (0), writes to it (1) or calls it (2). Returns the word
# that was read.
.global probe_kernel
probe_kernel:
    push ebp
    mov ebp, esp
    push ebx
    push esi
    push edi
    pushfd
    mov [PROBE_STACK], esp
    mov ecx, [ebp + 8]
    mov eax, [ebp + 12]
    cmp dword ptr [ebp + 16], 1
    je PROBE_WRITE
    ja probe_execute
.global PROBE_READ
PROBE_READ:
    mov eax, [ecx]
    jmp probe_leave
.global PROBE_WRITE
PROBE_WRITE:
    mov [ecx], eax
    jmp probe_leave
probe_execute:
    call ecx
probe_leave:
    mov dword ptr [PROBE_STACK], 0
    popfd
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret

# extern "C" fn probe_user(address: u32, value: u32, code: u32, esp0: *mut u32) -> u32
# Continues in ring 3 at `code`, with the address in ECX and the value in EAX.
# That code has no stack. It always ends in an exception, for which the
# processor takes the stack pointer that is stored at `esp0`.
.global probe_user
probe_user:
    push ebp
    mov ebp, esp
    push ebx
    push esi
    push edi
    pushfd
    mov [PROBE_STACK], esp
    mov edx, [ebp + 20]
    mov [edx], esp
    mov edx, [ebp + 16]
    mov ecx, [ebp + 8]
    mov eax, USER_DATA
    mov ds, ax
    mov es, ax
    mov eax, [ebp + 12]
    push USER_DATA
    push 0                              # ESP in ring 3
    push 2                              # EFLAGS: interrupts are off
    push USER_CODE
    push edx
    iretd

# extern "C" fn probe_resume(value: u32) -> !
# Ends the running probe, which returns `value`.
.global probe_resume
probe_resume:
    mov eax, [esp + 4]
    mov ecx, KERNEL_DATA
    mov ds, cx
    mov es, cx
    mov fs, cx
    mov gs, cx
    mov esp, [PROBE_STACK]
    jmp probe_leave

# The code for ring 3: position independent, copied into a page for users.
# It begins with a read; 16 bytes further on is a write. Each ends in an exception. A return
# follows them.
.section .rodata.probe, "a"
.global PROBE_USER_CODE
.balign 4
PROBE_USER_CODE:
    mov eax, [ecx]
    ud2
    .balign 16
    mov [ecx], eax
    ud2
    ret                                 # for ring 0: 20 bytes from the start
    .balign 16
