//! Addresses that the linker script and `boot.s` define.

use mm_api::VirtAddr;

/// Declares functions that give a symbol's address.
macro_rules! symbols {
    ($($(#[$doc:meta])* $function:ident = $symbol:ident;)*) => {
        unsafe extern "C" {
            $(static $symbol: u8;)*
        }
        $(
            $(#[$doc])*
            pub(crate) fn $function() -> VirtAddr {
                VirtAddr::new((&raw const $symbol).addr() as u32)
            }
        )*
    };
}

symbols! {
    /// The first address of the kernel's image.
    image_start = IMAGE_START;
    /// The first address after the image, including the memory that its file does not store.
    image_end = IMAGE_END;
    /// The first address of code and constants.
    read_only_start = READ_ONLY_START;
    /// The first address after the code.
    text_end = TEXT_END;
    /// The first address after the constants.
    read_only_end = READ_ONLY_END;
    /// The first address of lab 01's statics with initial values, and the first address after them.
    pmm_data_start = PMM_DATA_START;
    pmm_data_end = PMM_DATA_END;
    /// The first address of lab 01's statics that are zero at first, and the first address after them.
    pmm_bss_start = PMM_BSS_START;
    pmm_bss_end = PMM_BSS_END;
    /// The same of lab 03's statics.
    heap_data_start = HEAP_DATA_START;
    heap_data_end = HEAP_DATA_END;
    heap_bss_start = HEAP_BSS_START;
    heap_bss_end = HEAP_BSS_END;
    /// The page below the boot stack, which is not mapped.
    boot_stack_guard = BOOT_STACK_GUARD;
    /// The lowest address of the boot stack.
    boot_stack = BOOT_STACK;
    /// The first address after the boot stack.
    boot_stack_end = BOOT_STACK_END;
    /// The page below the double fault's stack, which is not mapped.
    fault_stack_guard = FAULT_STACK_GUARD;
    /// The first address after the double fault's stack.
    fault_stack_end = FAULT_STACK_END;
    /// The stub of the first exception. Each stub takes 16 bytes; those of interrupts follow.
    exception_stubs = EXCEPTION_STUBS;
    /// The stub of system calls.
    system_call_stub = SYSTEM_CALL_STUB;
    /// Where the double fault's task begins.
    double_fault_entry_point = DOUBLE_FAULT_START;
    /// The page directory that the kernel boots with.
    page_directory = PAGE_DIRECTORY;
    /// The page table of the temporary mappings.
    temporary_table = TEMPORARY_TABLE;
    /// The instruction that copies words to or from a program, and may fault.
    user_copy_words = USER_COPY_WORDS;
    /// The instruction that copies bytes to or from a program, and may fault.
    user_copy_bytes = USER_COPY_BYTES;
    /// Where such a copy goes on after a fault.
    user_copy_faulted = USER_COPY_FAULTED;
    /// The instruction with which a probe reads.
    probe_read = PROBE_READ;
    /// The instruction with which a probe writes.
    probe_write = PROBE_WRITE;
}
