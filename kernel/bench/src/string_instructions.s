# The processor's own instructions for ranges (Intel SDM volume 1, section 7.3.9,
# "String Operations"): with the prefix `rep`, one instruction copies, fills or
# compares a whole range. All functions are called in C's way, which keeps esi, edi
# and a clear direction flag.

.section .text

# u8 *rep_copy_upwards(u8 *dest, const u8 *src, u32 n)
.globl rep_copy_upwards
rep_copy_upwards:
    push esi
    push edi
    mov edi, [esp + 12]
    mov esi, [esp + 16]
    mov edx, [esp + 20]
    mov eax, edi
    mov ecx, edx
    shr ecx, 2
    rep movsd
    mov ecx, edx
    and ecx, 3
    rep movsb
    pop edi
    pop esi
    ret

# u8 *rep_copy_downwards(u8 *dest, const u8 *src, u32 n)
#
# After the bytes at the end, both registers are at the last byte of a word, and the
# instruction for words wants them at the first.
.globl rep_copy_downwards
rep_copy_downwards:
    push esi
    push edi
    mov eax, [esp + 12]
    mov esi, [esp + 16]
    mov edx, [esp + 20]
    lea edi, [eax + edx - 1]
    lea esi, [esi + edx - 1]
    mov ecx, edx
    and ecx, 3
    std
    rep movsb
    sub edi, 3
    sub esi, 3
    mov ecx, edx
    shr ecx, 2
    rep movsd
    cld
    pop edi
    pop esi
    ret

# u8 *rep_fill(u8 *dest, i32 value, u32 n)
.globl rep_fill
rep_fill:
    push edi
    mov edi, [esp + 8]
    movzx eax, byte ptr [esp + 12]
    mov edx, [esp + 16]
    imul eax, eax, 0x01010101
    mov ecx, edx
    shr ecx, 2
    rep stosd
    mov ecx, edx
    and ecx, 3
    rep stosb
    mov eax, [esp + 8]
    pop edi
    ret

# i32 rep_compare(const u8 *left, const u8 *right, u32 n)
#
# Without a byte to compare, the flags of the `xor` say that all are equal.
.globl rep_compare
rep_compare:
    push esi
    push edi
    mov esi, [esp + 12]
    mov edi, [esp + 16]
    mov ecx, [esp + 20]
    xor eax, eax
    repe cmpsb
    je 1f
    movzx eax, byte ptr [esi - 1]
    movzx ecx, byte ptr [edi - 1]
    sub eax, ecx
1:  pop edi
    pop esi
    ret
