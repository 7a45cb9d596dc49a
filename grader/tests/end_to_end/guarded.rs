//! Managers of lab 02 that are correct, but reach in the middle of a call for the kernel's own
//! parts: its code, its tables, other owners' memory. The machine refuses each access at once.

use crate::course::{Copy, check, has_solutions};

/// The first statement of `map`, and the panic's message. The loaded directory is `self.current`.
const ATTACKS: [(&str, &str); 9] = [
    // Another frame in place of the kernel's code, in the table of the direct map.
    (
        "let table = self.machine.read(self.current, code.directory_index()).frame();
         self.machine.write(table, code.table_index(), Entry::new(frame, KERNEL_TABLE));",
        "is changed, but that is a table of the direct map, which the kernel runs in",
    ),
    // The same through another table, in the directory.
    (
        "let table = self.machine.allocate().unwrap();
         self.machine.clear(table);
         self.machine.write(self.current, code.directory_index(), Entry::new(table, KERNEL_TABLE));",
        "of the directory that is loaded is changed, but the kernel runs in what it shows",
    ),
    // An emptied table of the direct map.
    (
        "let table = self.machine.read(self.current, code.directory_index()).frame();
         self.machine.clear(table);",
        "is cleared, but it is a table of the direct map",
    ),
    ("self.machine.clear(self.current);", "is cleared, but it is the current directory"),
    // Frames that are mapped only for a moment, which no later check would see.
    (
        "self.machine.write(self.current, Page::containing(TEMPORARY_START).directory_index(), Entry::EMPTY);",
        "of the directory that is loaded is changed, but the kernel runs in what it shows",
    ),
    // The kernel's code at another address, writable, and for ring 3.
    (
        "let table = self.machine.allocate().unwrap();
         self.machine.clear(table);
         self.machine.write(table, page.table_index(), Entry::new(Frame::new(0x123).unwrap(), USER_TABLE));",
        "which is not the manager's, and nobody asked to map it there",
    ),
    (
        "self.machine.write(self.current, page.directory_index(),
             Entry::new(Frame::new(0).unwrap(), USER_TABLE | EntryFlags::PAGE_SIZE));",
        "maps 4 MiB from frame 0x0 on at once: only the direct map may be mapped so",
    ),
    // A table in a frame whose contents somebody else chooses.
    (
        "self.machine.write(self.current, page.directory_index(), Entry::new(frame, USER_TABLE));",
        "as a table, which belongs to the caller of map()",
    ),
    // A directory in which another frame is in place of the kernel's code.
    (
        "let (root, table) = (self.machine.allocate().unwrap(), self.machine.allocate().unwrap());
         self.machine.clear(root);
         for index in TableIndex::all() {
             let entry = self.machine.read(self.current, index);
             self.machine.write(root, index, if index.as_u32() < 768 { Entry::EMPTY } else { entry });
             let entry = self.machine.read(self.machine.read(self.current, code.directory_index()).frame(), index);
             self.machine.write(table, index, entry);
         }
         self.machine.write(table, code.table_index(), Entry::new(frame, KERNEL_TABLE));
         self.machine.write(root, code.directory_index(), Entry::new(table, KERNEL_TABLE));
         self.machine.load(root);",
        "cannot be loaded, the kernel could not go on",
    ),
];

#[test]
fn what_the_kernel_runs_in_is_out_of_a_manager_s_reach() {
    if !has_solutions() {
        return;
    }
    let copy = Copy::new();
    let reference = copy.read("labs/02-vmm/solution/page_tables.rs");
    let place = "        if page == Page::NULL {\n            return Err(VmmError::NullPage);\n        }\n        check_changeable(page)?;\n        check_rights";
    assert_eq!(reference.matches(place).count(), 1, "the reference's map() has changed");
    for (attack, expected) in ATTACKS {
        let code = "let code = Page::containing(VirtAddr::new(0xC012_3000));";
        let text = reference.replace(place, &format!("{code}\nlet _ = code;\n{attack}\n{place}"));
        copy.write("labs/02-vmm/src/page_tables.rs", &text);
        let run = copy.grade(&["02", "--check", "map-reaches-frame", "--json", "-"]).expect_code(1).json();
        let check = check(&run, "map-reaches-frame");
        assert_eq!(check["status"], "panicked", "{attack}\n{check:#}");
        assert!(check["message"].as_str().unwrap().contains(expected), "{attack}\n{check:#}");
        // The report names the student's line.
        assert!(check["message"].as_str().unwrap().contains("labs/02-vmm/src/page_tables.rs"), "{attack}\n{check:#}");
    }
}
