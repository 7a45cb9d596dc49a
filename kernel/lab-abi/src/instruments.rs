//! Tables for what a lab is given: the kernel's side is called, a compiled reference calls.

use core::mem;
use core::ptr;

use mm_api::{
    Entry, Frame, FrameRange, FrameSource, HeapMemory, Interrupts, LendError, Machine, MetadataLender, Page, PageError,
    Pages, PhysMemory, SelfMap, TableIndex, Tlb, VirtAddr,
};

use crate::crossing::Crosses;
use crate::remote::{Behind, INSTRUMENT, Inline, LENT, Remote, Words};

table! {
    /// [`MetadataLender`], for lab 01.
    LenderTable(Held: MetadataLender) for MetadataLender {
        fn reachable[ref]() -> FrameRange;
        fn lend[mut](frames: FrameRange) -> Result<&'static mut [u32], LendError>;
    }
}

table! {
    /// [`Machine`], for lab 02.
    MachineTable(Held: Machine) for PhysMemory {
        fn read[ref](table: Frame, index: TableIndex) -> Entry;
        fn write[mut](table: Frame, index: TableIndex, entry: Entry) -> ();
        fn clear[mut](frame: Frame) -> ();
    } for SelfMap {
        fn read_at[ref](address: VirtAddr) -> Entry;
        fn write_at[mut](address: VirtAddr, entry: Entry) -> ();
    } for Tlb {
        fn flush[mut](page: Page) -> ();
        fn flush_all[mut]() -> ();
        fn load[mut](directory: Frame) -> ();
    } for FrameSource {
        fn allocate[mut]() -> Option<Frame>;
        fn free[mut](frame: Frame) -> ();
    }
}

table! {
    /// [`HeapMemory`], for lab 03.
    HeapMemoryTable(Held: HeapMemory) for HeapMemory {
        fn grow[mut](bytes: u32) -> Option<u32>;
        fn shrink[mut](bytes: u32) -> u32;
    }
}

table! {
    /// [`Interrupts`], for lab 03.
    InterruptsTable(Held: Interrupts) for Interrupts {
        fn disable[ref]() -> bool;
        fn restore[ref](were_enabled: bool) -> ();
    }
}

table! {
    /// [`Pages`], for labs 04 and 05.
    PagesTable(Held: Pages) for Pages {
        fn map[mut](page: Page) -> Result<(), PageError>;
        fn unmap[mut](page: Page) -> ();
        fn is_mapped[ref](page: Page) -> bool;
        fn read[ref](address: VirtAddr, bytes: &mut [u8]) -> ();
        fn write[mut](address: VirtAddr, bytes: &[u8]) -> ();
        fn zero[mut](address: VirtAddr, bytes: u32) -> ();
    }
}

/// References to trait objects: their words are sent, and there they are a [`Remote`].
macro_rules! lent {
    ($($Trait:ident: $Table:ident),+ $(,)?) => {
        $(
            // SAFETY: the representation of a `Remote` is C's, and its words are this side's own.
            unsafe impl<'a> Crosses for &'a mut (dyn $Trait + 'a) {
                type Sent = Remote<$Table, LENT>;

                fn send(self) -> Self::Sent {
                    let object: *mut (dyn $Trait + 'a) = self;
                    // SAFETY: only a lifetime is left out; what is received lives no longer.
                    let object = unsafe { mem::transmute::<*mut (dyn $Trait + 'a), *mut (dyn $Trait + 'static)>(object) };
                    let table = const { &$Table::of::<Behind<dyn $Trait>>() };
                    // SAFETY: the functions are for such a reference. It is used during one call.
                    unsafe { Remote::of(table, Words::holding(object)) }
                }

                unsafe fn receive(sent: &mut Self::Sent) -> Self {
                    // SAFETY: the sender's, which lives on and is used by nobody else.
                    unsafe { &mut *ptr::from_mut(sent) }
                }
            }

            // SAFETY: likewise.
            unsafe impl<'a> Crosses for &'a (dyn $Trait + 'a) {
                type Sent = Remote<$Table, LENT>;

                fn send(self) -> Self::Sent {
                    let object = ptr::from_ref(self).cast_mut();
                    // SAFETY: as above; what only reads is called.
                    let object = unsafe { mem::transmute::<*mut (dyn $Trait + 'a), *mut (dyn $Trait + 'static)>(object) };
                    let table = const { &$Table::of::<Behind<dyn $Trait>>() };
                    // SAFETY: as above.
                    unsafe { Remote::of(table, Words::holding(object)) }
                }

                unsafe fn receive(sent: &mut Self::Sent) -> Self {
                    // SAFETY: the sender's, which lives on.
                    unsafe { &*ptr::from_ref(sent) }
                }
            }
        )+
    };
}

lent!(MetadataLender: LenderTable, HeapMemory: HeapMemoryTable, Pages: PagesTable);

/// A machine that a reference owns.
pub type RemoteMachine = Remote<MachineTable, INSTRUMENT>;

/// Interrupts that a reference owns.
pub type RemoteInterrupts = Remote<InterruptsTable, INSTRUMENT>;

/// A machine, to be sent for good.
pub(crate) fn machine<M: Machine>(machine: M) -> RemoteMachine {
    // SAFETY: the functions are for a machine in the words; who owns it may send it if it may be sent.
    unsafe { Remote::of(const { &MachineTable::of::<Inline<M, INSTRUMENT>>() }, Words::holding(machine)) }
}

/// Interrupts, to be sent for good.
pub(crate) fn interrupts<I: Interrupts>(interrupts: I) -> RemoteInterrupts {
    // SAFETY: likewise.
    unsafe { Remote::of(const { &InterruptsTable::of::<Inline<I, INSTRUMENT>>() }, Words::holding(interrupts)) }
}
