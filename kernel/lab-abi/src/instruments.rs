//! Tables for the objects that a lab is given: a compiled reference calls the kernel.

use core::mem::{self, MaybeUninit};
use core::ptr;

use mm_api::{
    BadAddress, Entry, Fork, Frame, FrameRange, FrameSource, HeapMemory, Interrupts, LendError, Machine,
    MetadataLender, Page, PageError, PageRange, Pages, PhysMemory, Protection, Region, RegionList, SelfMap,
    SharedPages, TableIndex, Tlb, UserWindow, VirtAddr,
};

use crate::crossing::Crosses;
use crate::remote::{Behind, INSTRUMENT, Inline, LENT, Remote, Words};

table! {
    /// The table of [`MetadataLender`], for lab 01.
    LenderTable(Held: MetadataLender) for MetadataLender {
        fn reachable[ref]() -> FrameRange;
        fn lend[mut](frames: FrameRange) -> Result<&'static mut [u32], LendError>;
    }
}

table! {
    /// The table of [`Machine`], for lab 02.
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
    /// The table of [`HeapMemory`], for lab 03.
    HeapMemoryTable(Held: HeapMemory) for HeapMemory {
        fn grow[mut](bytes: u32) -> Option<u32>;
        fn shrink[mut](bytes: u32) -> u32;
    }
}

table! {
    /// The table of [`Interrupts`], for lab 03.
    InterruptsTable(Held: Interrupts) for Interrupts {
        fn disable[ref]() -> bool;
        fn restore[ref](were_enabled: bool) -> ();
    }
}

table! {
    /// The table of [`Pages`], for labs 04 and 05.
    PagesTable(Held: Pages) for Pages {
        fn map[mut](page: Page) -> Result<(), PageError>;
        fn unmap[mut](page: Page) -> ();
        fn is_mapped[ref](page: Page) -> bool;
        fn read[ref](address: VirtAddr, bytes: &mut [u8]) -> ();
        fn write[mut](address: VirtAddr, bytes: &[u8]) -> ();
        fn zero[mut](address: VirtAddr, bytes: u32) -> ();
    }
}

table! {
    /// The table of [`RegionList`], for labs 06 and 07.
    RegionListTable(Held: RegionList) for RegionList {
        fn len[ref]() -> usize;
        fn is_empty[ref]() -> bool;
        fn get[ref](index: usize) -> Region;
        fn insert[mut](index: usize, region: Region) -> ();
        fn remove[mut](index: usize) -> Region;
        fn replace[mut](index: usize, region: Region) -> ();
    }
}

table! {
    /// The table of [`UserWindow`], for lab 06.
    UserWindowTable(Held: UserWindow) for UserWindow {
        fn open[mut]() -> ();
        fn close[mut]() -> ();
        fn read[mut](address: VirtAddr, bytes: &mut [u8]) -> Result<(), BadAddress>;
        fn write[mut](address: VirtAddr, bytes: &[u8]) -> Result<(), BadAddress>;
    }
}

table! {
    /// The table of [`SharedPages`], for lab 07.
    SharedPagesTable(Held: SharedPages) for Pages {
        fn map[mut](page: Page) -> Result<(), PageError>;
        fn unmap[mut](page: Page) -> ();
        fn is_mapped[ref](page: Page) -> bool;
        fn read[ref](address: VirtAddr, bytes: &mut [u8]) -> ();
        fn write[mut](address: VirtAddr, bytes: &[u8]) -> ();
        fn zero[mut](address: VirtAddr, bytes: u32) -> ();
    } for SharedPages {
        fn users[ref](page: Page) -> u32;
        fn protection[ref](page: Page) -> Option<Protection>;
        fn first_mapped[ref](pages: PageRange) -> Option<Page>;
        fn protect[mut](page: Page, protection: Protection) -> ();
        fn copy[mut](page: Page) -> Result<(), PageError>;
    }
}

/// Another process's pages, lent for one call.
pub type LentPages = Remote<SharedPagesTable, LENT>;

table! {
    /// The table of [`Fork`], for lab 07.
    ForkTable(Held: Fork) for Fork = [impl Fork for LentFork] {
        fn parent[parent]() -> ();
        fn share[mut](page: Page) -> Result<(), PageError>;
        fn is_shared[ref](page: Page) -> bool;
        fn unshare[mut](page: Page) -> ();
    }
}

/// A fork, lent for one call, with room for the parent's pages, which it lends in turn.
#[repr(C)]
#[derive(Debug)]
pub struct LentFork {
    fork: Remote<ForkTable, LENT>,
    /// A lent value needs no drop.
    parent: MaybeUninit<LentPages>,
}

impl LentFork {
    fn table(&self) -> &'static ForkTable {
        self.fork.table()
    }

    fn place(&self) -> *mut () {
        self.fork.place()
    }

    fn place_mut(&mut self) -> *mut () {
        self.fork.place_mut()
    }

    fn keep(&mut self, parent: LentPages) -> &mut LentPages {
        self.parent.write(parent)
    }
}

// SAFETY: the representation of both is C's, and their words are the sender's own.
unsafe impl<'a> Crosses for &'a mut (dyn Fork + 'a) {
    type Sent = LentFork;

    fn send(self) -> LentFork {
        let object: *mut (dyn Fork + 'a) = self;
        // SAFETY: only a lifetime changes; the received reference lives no longer.
        let object = unsafe { mem::transmute::<*mut (dyn Fork + 'a), *mut (dyn Fork + 'static)>(object) };
        let table = const { &ForkTable::of::<Behind<dyn Fork>>() };
        // SAFETY: the functions are for such a reference, which is used during one call.
        LentFork { fork: unsafe { Remote::of(table, Words::holding(object)) }, parent: MaybeUninit::uninit() }
    }

    unsafe fn receive(sent: &mut LentFork) -> Self {
        // SAFETY: the sender's value is still valid, and borrowed for this alone.
        unsafe { &mut *ptr::from_mut(sent) }
    }
}

/// References to trait objects: their words are sent, and become a [`Remote`] on the other side.
macro_rules! lent {
    ($($Trait:ident: $Table:ident),+ $(,)?) => {
        $(
            // SAFETY: the representation of a `Remote` is C's, and its words are this side's own.
            unsafe impl<'a> Crosses for &'a mut (dyn $Trait + 'a) {
                type Sent = Remote<$Table, LENT>;

                fn send(self) -> Self::Sent {
                    let object: *mut (dyn $Trait + 'a) = self;
                    // SAFETY: only a lifetime changes; the received reference lives no longer.
                    let object = unsafe { mem::transmute::<*mut (dyn $Trait + 'a), *mut (dyn $Trait + 'static)>(object) };
                    let table = const { &$Table::of::<Behind<dyn $Trait>>() };
                    // SAFETY: the functions are for such a reference, which is used during one
                    // call.
                    unsafe { Remote::of(table, Words::holding(object)) }
                }

                unsafe fn receive(sent: &mut Self::Sent) -> Self {
                    // SAFETY: the sender's value is still valid, and borrowed for this alone.
                    unsafe { &mut *ptr::from_mut(sent) }
                }
            }

            // SAFETY: likewise.
            unsafe impl<'a> Crosses for &'a (dyn $Trait + 'a) {
                type Sent = Remote<$Table, LENT>;

                fn send(self) -> Self::Sent {
                    let object = ptr::from_ref(self).cast_mut();
                    // SAFETY: as above; only functions that read are called.
                    let object = unsafe { mem::transmute::<*mut (dyn $Trait + 'a), *mut (dyn $Trait + 'static)>(object) };
                    let table = const { &$Table::of::<Behind<dyn $Trait>>() };
                    // SAFETY: as above.
                    unsafe { Remote::of(table, Words::holding(object)) }
                }

                unsafe fn receive(sent: &mut Self::Sent) -> Self {
                    // SAFETY: the sender's value is still valid.
                    unsafe { &*ptr::from_ref(sent) }
                }
            }
        )+
    };
}

lent!(MetadataLender: LenderTable, HeapMemory: HeapMemoryTable, Pages: PagesTable);
lent!(RegionList: RegionListTable, UserWindow: UserWindowTable, SharedPages: SharedPagesTable);

/// A machine that a reference owns.
pub type RemoteMachine = Remote<MachineTable, INSTRUMENT>;

/// Interrupts that a reference owns.
pub type RemoteInterrupts = Remote<InterruptsTable, INSTRUMENT>;

/// Wraps a machine, to send it for good.
pub(crate) fn machine<M: Machine>(machine: M) -> RemoteMachine {
    // SAFETY: the functions are for a machine in the words; a machine that may be sent may be sent
    // wrapped.
    unsafe { Remote::of(const { &MachineTable::of::<Inline<M, INSTRUMENT>>() }, Words::holding(machine)) }
}

/// Wraps interrupts, to send them for good.
pub(crate) fn interrupts<I: Interrupts>(interrupts: I) -> RemoteInterrupts {
    // SAFETY: likewise.
    unsafe { Remote::of(const { &InterruptsTable::of::<Inline<I, INSTRUMENT>>() }, Words::holding(interrupts)) }
}
