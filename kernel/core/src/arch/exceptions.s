# Entry points of exceptions and interrupts, and the way back from
# them.

.set USER_DATA, 0x23                    # entry 4 of the descriptor table, for ring 3
.set KERNEL_DATA, 0x10                  # entry 2
.set EFLAGS_AC, 0x40000

# One stub per vector, 16 bytes each, in order: 32 exceptions and 16 lines of the
# interrupt controllers. Vectors 8, 10 to 14, 17, 21, 29 and 30 come with an
# error code (Intel SDM volume 3A, table 6-1); the others get a zero in its place.
.section .text.exception_stubs, "ax"
.balign 16
.global EXCEPTION_STUBS
EXCEPTION_STUBS:
.set vector, 0
.rept 48
    .balign 16
    .if ((0x60227D00 >> vector) & 1) == 0
    push 0
    .endif
    push vector
    jmp trap_common
    .set vector, vector + 1
.endr

# int 0x80
.global SYSTEM_CALL_STUB
SYSTEM_CALL_STUB:
    push 0
    push 0x80

# On the stack, from ESP up: the fields of TrapFrame, without ESP and SS if
# ring 0 was interrupted.
.set FRAME_CS, 44
trap_common:
    pushad
    cld
    # AC is a program's own flag. With SMAP, it would let the kernel access programs'
    # memory. CLAC clears it in one instruction, but not every processor has CLAC.
    pushfd
    and dword ptr [esp], ~EFLAGS_AC
    popfd
    test byte ptr [esp + FRAME_CS], 3
    jz 1f
    # Ring 3 may have loaded anything into these, and into EBP.
    mov eax, KERNEL_DATA
    mov ds, ax
    mov es, ax
    xor ebp, ebp                        # a walk of the stack frames ends here
1:  mov ebx, esp
    and esp, -16
    sub esp, 12
    push ebx
    call trap_entry
    mov esp, ebx

# Continues with the frame that ESP points to.
trap_return:
    test byte ptr [esp + FRAME_CS], 3
    jz 2f
    mov eax, USER_DATA
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
2:  popad
    add esp, 8                          # the vector and the error code
    iretd

# extern "C" fn user_enter(frame: *const TrapFrame, esp0: *mut u32)
# Continues in ring 3 with the frame. Unless `esp0` is null, the rest of this stack
# becomes the stack for traps: its beginning is stored at `esp0`.
.global user_enter
user_enter:
    push ebp
    mov ebp, esp
    push ebx
    push esi
    push edi
    pushfd
    mov [USER_ENTER_STACK], esp
    mov eax, [ebp + 12]
    test eax, eax
    jz 3f
    mov [eax], esp
3:  mov esp, [ebp + 8]
    jmp trap_return

# extern "C" fn user_leave() -> !
# Returns from the last user_enter.
.global user_leave
user_leave:
    mov esp, [USER_ENTER_STACK]
    popfd
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret

.section .bss.user_enter, "aw", @nobits
.balign 4
USER_ENTER_STACK: .skip 4               # ESP in user_enter, for user_leave to pop from

.section .text.exception_stubs, "ax"
# The double fault's own task. Its state is in its task state segment, and its
# stack is sound whatever happened to the other one. The processor pushed an error
# code, which is always zero.
.global DOUBLE_FAULT_START
DOUBLE_FAULT_START:
    cld
    xor ebp, ebp
    and esp, -16
    call double_fault_entry
    ud2

# Stores the caller's registers, in the order of `Registers`, at the address in its
# first argument.
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
