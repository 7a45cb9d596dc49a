# A copy to or from the memory of a program, by the program's address. It may fault.

.section .text.user_copy, "ax"

# extern "C" fn user_copy(to: u32, from: u32, bytes: u32) -> u32
# Returns 0, or 1 if an access faulted: then the exception handler continues at
# USER_COPY_FAULTED, with the registers as they were.
.global user_copy
user_copy:
    push esi
    push edi
    mov edi, [esp + 12]
    mov esi, [esp + 16]
    mov edx, [esp + 20]
    mov ecx, edx
    shr ecx, 2
.global USER_COPY_WORDS
USER_COPY_WORDS:
    rep movsd
    mov ecx, edx
    and ecx, 3
.global USER_COPY_BYTES
USER_COPY_BYTES:
    rep movsb
    xor eax, eax
    jmp 1f
.global USER_COPY_FAULTED
USER_COPY_FAULTED:
    mov eax, 1
1:  pop edi
    pop esi
    ret
