//! Lab 03: the kernel's heap, which hands out blocks of bytes.

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

/// The largest heap there can be, in bytes: 64 MiB. A heap's region of virtual
/// addresses has this size, so every offset into it is below two to the 26.
pub const HEAP_MAX: u32 = 1 << 26;

/// The alignment of every block, in bytes, also where less was asked for.
pub const HEAP_ALIGN: u32 = 8;

/// The largest alignment that can be asked for, in bytes: a page.
pub const HEAP_ALIGN_MAX: u32 = 4096;

/// How many free bytes a heap may keep at the end of its memory after a block
/// was freed. What lies beyond is offered to [`HeapMemory::shrink`].
pub const HEAP_SLACK: u32 = 64 * 1024;

// ANCHOR: heap-memory
/// The memory of a heap: one region of virtual addresses that begins at a page,
/// of which only the first part exists. The region grows and shrinks at its end
/// only.
///
/// New memory has arbitrary contents: it is not zero.
pub trait HeapMemory {
    /// Makes the region at least `bytes` longer, and returns by how many bytes
    /// it has grown: a multiple of [`HEAP_ALIGN`], whole pages in the kernel.
    /// `None` if there is not that much memory; nothing has changed then.
    ///
    /// The region never grows beyond [`HEAP_MAX`] bytes.
    fn grow(&mut self, bytes: u32) -> Option<u32>;

    /// Makes the region at most `bytes` shorter, and returns by how many bytes
    /// it has shrunk: a multiple of [`HEAP_ALIGN`], whole pages in the kernel.
    /// The answer may be 0. The bytes that are gone must not be touched.
    fn shrink(&mut self, bytes: u32) -> u32;
}
// ANCHOR_END: heap-memory

// ANCHOR: kernel-heap
/// The kernel's heap.
///
/// # The contract
/// Every method takes and returns pointers, and none of them is `unsafe`: a
/// heap looks at a pointer's address, and never at memory outside its own. Only
/// the *use* of the pointer is `unsafe`, and the code that uses it promises:
///
/// - A block may be read and written from when it was handed out until it is
///   freed or reallocated, by the code that it was handed to, and nowhere else than
///   from its first byte up to its [usable size](Self::usable_size).
///
/// The heap promises in return that no two blocks overlap, and that it leaves a
/// block's bytes alone.
///
/// There is a hole in this: a `Box` is used by safe code. Where the heap is the
/// one behind `Box` and `Vec`, safe code that frees or reallocates their block
/// leaves them with memory that is not theirs. So only the `Box` or the `Vec`
/// itself may do so. The compiler does not check that, as it does for
/// [`GlobalAlloc`](core::alloc::GlobalAlloc), where both methods are `unsafe`.
///
/// **What the heap keeps beside a block.** The four bytes before a block's
/// first byte, and the four bytes after its usable size, belong to the heap. A
/// program that overwrites them is a program with a bug, and the heap finds it:
/// where a single bit of them has changed, [`check`](Self::check) says so, and
/// so does [`free`](Self::free) of the block.
///
/// **Errors change nothing.** Whatever a method refuses, the heap and its
/// blocks are as they were.
pub trait KernelHeap {
    /// Hands out a block of at least `layout.size()` bytes, aligned to
    /// `layout.align()` and to [`HEAP_ALIGN`] (`kmalloc`, `malloc`).
    ///
    /// What it contains is not defined. A block of no bytes is a block like any
    /// other: it has an address of its own, and is to be freed.
    ///
    /// The heap's memory grows only when no free place is large enough.
    ///
    /// # Errors
    /// See [`AllocError`].
    fn allocate(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// The same, and the first `layout.size()` bytes are zero (`kzalloc`).
    ///
    /// # Errors
    /// See [`AllocError`].
    fn allocate_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// Hands out a block for `count` elements of `size` bytes, all zero,
    /// aligned to [`HEAP_ALIGN`] (`calloc`).
    ///
    /// # Errors
    /// See [`AllocError`]. A product past the last `u32` is
    /// [`AllocError::OutOfMemory`].
    fn allocate_array(&mut self, count: u32, size: u32) -> Result<NonNull<u8>, AllocError>;

    /// Takes back a block (`kfree`, `free`).
    ///
    /// Free memory that touches is merged at once, before and after the block.
    /// If more than [`HEAP_SLACK`] bytes are then free at the end of the heap's
    /// memory, they are offered to [`HeapMemory::shrink`].
    ///
    /// # Errors
    /// See [`BlockError`].
    fn free(&mut self, block: NonNull<u8>) -> Result<(), BlockError>;

    /// Makes a block larger or smaller (`realloc`).
    ///
    /// The result has at least `layout.size()` bytes and is aligned as `layout`
    /// and [`HEAP_ALIGN`] say. Its bytes are those of the old block, up to the
    /// smaller of both sizes. If the result is at another address, the old
    /// block has been freed.
    ///
    /// The block stays where it is when it is aligned already and either
    /// shrinks, or the memory behind it is free and large enough, exactly or by
    /// more. Whether a block that shrinks gives anything back is the heap's
    /// choice, and so is whether the last block makes the memory grow behind it
    /// or moves.
    ///
    /// # Errors
    /// See [`ReallocError`]. The block is still there then, unchanged. Where the
    /// pointer is no block, that is the answer, whatever is asked for.
    fn reallocate(&mut self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<u8>, ReallocError>;

    /// How many bytes of the block may be used: at least as many as were asked for.
    ///
    /// # Errors
    /// See [`BlockError`].
    fn usable_size(&self, block: NonNull<u8>) -> Result<u32, BlockError>;

    /// Looks at every byte that the heap keeps for itself, also in free memory, and
    /// counts (`Heap_SelfTest`).
    ///
    /// # Errors
    /// The first damage that it finds, from the lowest address on.
    fn check(&self) -> Result<HeapSummary, HeapDamage>;
}
// ANCHOR_END: kernel-heap

/// Why no block was handed out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum AllocError {
    /// No free place is large enough, and there is no memory to grow by.
    OutOfMemory,
    /// The alignment is larger than [`HEAP_ALIGN_MAX`].
    Alignment,
    /// Something the heap keeps beside its blocks was overwritten.
    Damaged,
}

/// Why a pointer was not accepted as a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BlockError {
    /// The pointer does not point into the heap's memory: it is none of its blocks.
    Foreign,
    /// The block has been freed already: the pointer points into free memory.
    AlreadyFree,
    /// The pointer points into the heap, but not to the first byte of a block.
    NotABlock,
    /// What the heap keeps beside this block was overwritten.
    Damaged,
}

/// Why a block was not reallocated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub enum ReallocError {
    /// There is no place for the larger block.
    Alloc(AllocError),
    /// The pointer is not a block.
    Block(BlockError),
}

/// What the self-test counted in a sound heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct HeapSummary {
    /// Bytes of memory that the heap has now: what it grew by, less what it gave back.
    pub bytes: u32,
    /// Blocks that are handed out.
    pub used_blocks: u32,
    /// Pieces of free memory.
    pub free_blocks: u32,
    /// Bytes in those pieces, with what the heap keeps in them.
    pub free_bytes: u32,
    /// Bytes in the largest of them.
    pub largest_free: u32,
}

/// What the self-test found in a heap that is not sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct HeapDamage {
    /// What is wrong.
    pub kind: DamageKind,
    /// Where: bytes from the beginning of the heap's memory. For what is kept beside a
    /// block, it is the place of one of the bytes that are kept there, or of those
    /// beside one of its neighbours.
    pub offset: u32,
}

/// What can be wrong with a heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum DamageKind {
    /// The bytes that the heap keeps beside a block were overwritten.
    Header,
    /// Two neighbours disagree: about where one of them begins, or whether it is free.
    Neighbours,
    /// Two pieces of free memory touch and were not merged.
    NotMerged,
    /// The lists of free memory and the memory itself disagree.
    FreeList,
}

impl From<AllocError> for ReallocError {
    fn from(error: AllocError) -> Self {
        Self::Alloc(error)
    }
}

impl From<BlockError> for ReallocError {
    fn from(error: BlockError) -> Self {
        Self::Block(error)
    }
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "there is no memory for the block",
            Self::Alignment => "the alignment is larger than a page",
            Self::Damaged => "what the heap keeps beside its blocks was overwritten",
        })
    }
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "the pointer does not point into the heap",
            Self::AlreadyFree => "the block is free already",
            Self::NotABlock => "the pointer is not the first byte of a block",
            Self::Damaged => "what the heap keeps beside the block was overwritten",
        })
    }
}

impl fmt::Display for ReallocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alloc(error) => error.fmt(f),
            Self::Block(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for HeapDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DamageKind::Header => "the header was overwritten",
            DamageKind::Neighbours => "the block and its neighbour disagree",
            DamageKind::NotMerged => "free memory before and after was not merged",
            DamageKind::FreeList => "free memory is missing from the free lists, or is in a wrong one",
        };
        write!(f, "{what}, {:#x} bytes into the heap", self.offset)
    }
}
