# Stops the machine at the end of a check. The grader knows these two addresses:
# it lets the machine go on only if the processor stands at the second one, and
# was called from the kernel's own place for this call.

.section .text.stop_at_conclusion, "ax"
.global stop_at_conclusion              # extern "C" fn(why: u32)
stop_at_conclusion:
    push ebp
    mov ebp, esp
    cli                                 # the reply on the serial port is for this code alone
    mov eax, [ebp + 8]
    mov edx, 0x505                      # QEMU's pvpanic; it finds the byte in AL
    out dx, al
.global stopped_at_conclusion
stopped_at_conclusion:
    pop ebp
    ret
