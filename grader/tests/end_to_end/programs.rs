//! Labs that attack their judges: the programs in ring 3, whose memory labs 04 to 07
//! provide. Each attack would make the programs exit with 0 whatever they see.

use crate::course::{Copy, check, has_solutions};

/// A change of a reference, and its expected verdict.
struct Attack {
    /// The file, as `LAB/FILE`, in `src/` and in `solution/`.
    file: &'static str,
    /// The text in the reference, and its replacement.
    change: (&'static str, &'static str),
    /// The text that is appended.
    addition: &'static str,
    check: &'static str,
    status: &'static str,
    /// A part of the message.
    says: &'static str,
}

/// Puts `exit(0)` into each page of the program's code, after instructions that do nothing.
const INTO_THE_CODE: &str = "
fn attack(pages: &mut dyn mm_api::Pages) {
    let mut at = mm_api::VirtAddr::new(0x0804_8000);
    while pages.is_mapped(Page::containing(at)) {
        pages.write(at, &[0x90; 4080]);
        pages.write(at + 4080, &[0xB8, 1, 0, 0, 0, 0x31, 0xDB, 0xCD, 0x80]);
        at = at + 4096;
    }
}
";

const ATTACKS: [Attack; 12] = [
    Attack {
        file: "04-process-heap/program_break.rs",
        change: (
            "    fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError> {\n",
            "    fn sbrk(&mut self, pages: &mut dyn Pages, increment: i32) -> Result<VirtAddr, BreakError> {\n\
             attack(pages);\n",
        ),
        addition: INTO_THE_CODE,
        check: "program-heap",
        status: "panicked",
        says: "page 0x0804_8000 is read or written, but it is not among the pages that this is about",
    },
    // The program is told to test another rule, one that holds.
    Attack {
        file: "05-stack/user_stack.rs",
        change: (
            "        let (strings, vectors) = sizes(arguments)?;\n",
            "        let other: [&[u8]; 2] = [arguments.argv[0], b\"list\"];
             let arguments = &Arguments { argv: &other, ..*arguments };
             let (strings, vectors) = sizes(arguments)?;\n",
        ),
        addition: "",
        check: "program-recursion",
        status: "failed",
        says: "expected the program `stack-test recursion` to say that the rule `recursion` holds",
    },
    // The initial stack pointer of the program: into its own code, and into the kernel.
    Attack {
        file: "05-stack/user_stack.rs",
        change: ("        Ok(VirtAddr::new(pointer))\n", "        Ok(VirtAddr::new(0x0804_8FF0))\n"),
        addition: "",
        check: "program-recursion",
        status: "panicked",
        says: "set_up() answered 0x0804_8FF0, where the stack is not",
    },
    Attack {
        file: "05-stack/user_stack.rs",
        change: ("        Ok(VirtAddr::new(pointer))\n", "        Ok(VirtAddr::new(0xC010_0000))\n"),
        addition: "",
        check: "program-recursion",
        status: "panicked",
        says: "set_up() answered 0xC010_0000, where the stack is not",
    },
    // The return address of the program, changed when its stack grows.
    Attack {
        file: "05-stack/user_stack.rs",
        change: (
            "        self.grow_to(pages, page)\n",
            "        pages.write(VirtAddr::new(self.lowest.start().as_u32()), &[0; 64]);
             self.grow_to(pages, page)\n",
        ),
        addition: "",
        check: "program-recursion",
        status: "panicked",
        says: "is read or written, but it is not among the pages that this is about",
    },
    // The return address of a new process.
    Attack {
        file: "05-stack/user_stack.rs",
        change: (
            "        Ok(Self { lowest: self.lowest })\n",
            "        to.write(VirtAddr::new(END - 1024), &[0xC4; 512]);
             Ok(Self { lowest: self.lowest })\n",
        ),
        addition: "",
        check: "program-stacks-apart",
        status: "panicked",
        says: "fork() of the stack succeeded, but",
    },
    // The program's stack, changed by a copy that has nothing to do with it.
    Attack {
        file: "06-protect/user_copy.rs",
        change: (
            "                window.write(piece.address, &bytes[piece.in_range()])?;\n",
            "                window.write(piece.address, &bytes[piece.in_range()])?;
                 window.write(VirtAddr::new(piece.address.as_u32() | 0xFFC), &[0; 4])?;\n",
        ),
        addition: "",
        check: "fault-programs",
        status: "panicked",
        says: "but those are not the ones that were to be copied there",
    },
    // The exit status that a program learns of another.
    Attack {
        file: "06-protect/user_copy.rs",
        change: (
            "                window.write(piece.address, &bytes[piece.in_range()])?;\n",
            "                window.write(piece.address, &[0; 4][..piece.length.min(4)])?;\n",
        ),
        addition: "",
        check: "fault-programs",
        status: "panicked",
        says: "but those are not the ones that were to be copied there",
    },
    // The image becomes a mapping, and so lab 07's.
    Attack {
        file: "06-protect/region_rights.rs",
        change: (
            "        if pages.is_empty() {\n",
            "        let image = regions.get(0);
             regions.replace(0, Region { purpose: mm_api::Purpose::Mapping, ..image });
             if pages.is_empty() {\n",
        ),
        addition: "",
        check: "mprotect-programs",
        status: "panicked",
        says: "and changed more of the list than the rights of these pages",
    },
    Attack {
        file: "07-mmap/demand.rs",
        change: ("        pages.map(page)?;\n", "        attack(pages);\n        pages.map(page)?;\n"),
        addition: INTO_THE_CODE,
        check: "program-mmap",
        status: "panicked",
        says: "page 0x0804_8000 is read or written, but it is not among the pages that this is about",
    },
    // The code itself, changed when it is shared with a new process.
    Attack {
        file: "07-mmap/demand.rs",
        change: (
            "        fork.share(page)?;\n        rest =",
            "        fork.parent().write(page.start(), &[0x90; 4096]);\n        fork.share(page)?;\n        rest =",
        ),
        addition: "",
        check: "program-fork",
        status: "panicked",
        says: "is written to, but it is in no mapping",
    },
    // The image becomes a mapping, whose pages are filled again.
    Attack {
        file: "07-mmap/mappings.rs",
        change: (
            "    fn map(regions: &mut dyn RegionList, request: &MapRequest) -> Result<PageRange, MapError> {\n",
            "    fn map(regions: &mut dyn RegionList, request: &MapRequest) -> Result<PageRange, MapError> {
             let image = regions.get(0);
             regions.replace(0, Region { purpose: Purpose::Mapping, ..image });\n",
        ),
        addition: "",
        check: "program-mmap",
        status: "panicked",
        says: "is replaced in the list, but map() and unmap() change the regions of mappings alone",
    },
];

#[test]
fn what_judges_in_ring_3_is_out_of_a_lab_s_reach() {
    if !has_solutions() {
        return;
    }
    for Attack { file, change: (place, instead), addition, check: name, status, says } in ATTACKS {
        let copy = Copy::new();
        let (lab, file) = file.split_once('/').unwrap();
        // The reference's other files, so that everything else is correct.
        for part in copy.names(&format!("labs/{lab}/solution")) {
            copy.write(&format!("labs/{lab}/src/{part}"), &copy.read(&format!("labs/{lab}/solution/{part}")));
        }
        let reference = copy.read(&format!("labs/{lab}/solution/{file}"));
        assert!(reference.contains(place), "the reference of {lab} has changed: {place}");
        copy.write(&format!("labs/{lab}/src/{file}"), &(reference.replacen(place, instead, 1) + addition));
        let run = copy.grade(&[&lab[..2], "--check", name, "--json", "-"]).expect_code(1).json();
        let check = check(&run, name);
        assert_eq!(check["status"], status, "{instead}\n{check:#}");
        assert!(check["message"].as_str().unwrap().contains(says), "{instead}\n{check:#}");
    }
}
