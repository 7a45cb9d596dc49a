#!/bin/sh
# A fake Bochs: reads the debugger's commands; each `c` runs the next step of a script.
# The function `step` is put in before the loop.
echo '                        Bochs x86 Emulator 2.7'
tell() { printf '%s\n' "$*" >&2; }
stopped() { tell "Next at t=$T"; tell '(0) [0x000000100000] 0008:00100000 (unk. ctxt): nop ; 90'; }
say() { printf '%s\n' "$*" >> serial; }
magic() { D=$1 A=$2; T=$((T + 100)); tell '(0) Magic breakpoint'; stopped; }
T=0 D=0 A=0 STEP=0
stopped
[ -f commands ] && exit 0
N=$(head -c 4096 disc.iso | sed -n 's/.*nonce=\([0-9a-f]*\).*/\1/p')
# The real one stops when it is interrupted, if it runs.
trap '' INT
P="# folio:$N"
begin() { say 'KTAP version 1'; say 1..1; say "$P begin harness-pass seed=1 memory_kib=65536"; }
while read -r word rest; do
  tell "$word $rest"
  case $word in
    c) STEP=$((STEP + 1)); step;;
    sb) LIMIT=$((T + rest)); tell "Time breakpoint inserted. Delta = $rest";;
    reg) tell "$(printf 'rax: 00000000_%08x' $A)"; tell "$(printf 'rdx: 00000000_%08x' $D)"
         tell 'rbp: 00000000_00000000'; tell 'rip: 00000000_c0100000';;
    creg) tell 'CR3=0x000000001000';;
    ptime) tell "ptime: $T";;
  esac
done
