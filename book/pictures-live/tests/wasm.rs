//! The page computes what the crate computes: the same questions to the WebAssembly that
//! `cargo grade dev pictures` has built, and to the crate.
#![cfg(feature = "references")]

use std::fs;
use std::path::Path;

use pictures_live::PICTURES;
use wasmi::{Engine, Instance, Linker, Memory, Module, Store, TypedFunc};

/// Questions for each picture: its first state, others, and choices that make no sense.
const QUESTIONS: &[(&str, &[&str])] = &[
    (
        "translator",
        &[
            "",
            "address 0",
            "address 0xC00B_8ABC",
            "address 0x08048123\nstep 1",
            "address BFFFFFFC",
            "address 0xC0400000",
            "address 0xFFFF_FFFF\nstep 1",
            "address zebra",
        ],
    ),
    (
        "fork",
        &[
            "",
            "events ",
            "events fork write-parent-2 write-child-2 write-child-3 exit-parent write-child-1",
            "events zebra",
        ],
    ),
    (
        "frames",
        &["", "events all half\norder 1", "events r3 a F8.3 f0 f4000 r5 r5 r5 r5\norder 3", "order x\nevents x"],
    ),
    (
        "heap",
        &[
            "",
            "fit best\nstep 7",
            "fit next\nmerging off",
            "fit worst\ntrace a=24 b=999 c=1 -a d=8 e=1000",
            "fit address\ntrace a=1 -a b=2 -b c=3\nstep 4",
            "trace a=b",
            "trace ",
        ],
    ),
    (
        "stack",
        &[
            "",
            "command \nenvironment ",
            "command a b cc ddd\nenvironment X=1 Y=é",
            "command a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7 8 9",
        ],
    ),
];

/// The page's side of `src/wasm.rs`.
struct Page {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Page {
    fn new() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/pictures-live/pictures.wasm");
        let code = fs::read(&file).unwrap_or_else(|error| panic!("{error}: build it with cargo grade dev pictures"));
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, code).unwrap();
        let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        Self { store, instance, memory }
    }

    fn ask(&mut self, question: &str, text: &str) -> String {
        let room: TypedFunc<u32, u32> = self.instance.get_typed_func(&self.store, "room").unwrap();
        let ask: TypedFunc<(), u32> = self.instance.get_typed_func(&self.store, question).unwrap();
        let answer: TypedFunc<(), u32> = self.instance.get_typed_func(&self.store, "answer").unwrap();
        let place = room.call(&mut self.store, text.len() as u32).unwrap();
        self.memory.write(&mut self.store, place as usize, text.as_bytes()).unwrap();
        let length = ask.call(&mut self.store, ()).unwrap();
        let place = answer.call(&mut self.store, ()).unwrap();
        let mut bytes = vec![0; length as usize];
        self.memory.read(&self.store, place as usize, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

#[test]
fn the_page_computes_what_is_computed_here() {
    let mut page = Page::new();
    for picture in PICTURES {
        let questions = QUESTIONS.iter().find(|(name, _)| *name == picture.name);
        let (_, questions) = questions.unwrap_or_else(|| panic!("no questions about {}", picture.name));
        for question in *questions {
            let here = (picture.show)(question);
            let there = page.ask("show", &format!("{}\n{question}", picture.name));
            let here = format!("{}\n{}\n{}", here.says, here.state, here.svg);
            let advice = "is there what it was before: cargo grade dev pictures";
            assert!(here == there, "{} with {question:?} {advice}\n{here}\n{there}", picture.name);
        }
        assert_eq!(page.ask("choices", picture.name), picture.choices);
    }
}

#[test]
fn a_picture_that_is_not_there_is_nothing() {
    let mut page = Page::new();
    assert_eq!((page.ask("show", "zebra\n"), page.ask("choices", "")), (String::new(), String::new()));
}

/// The references never free what the machine lends them, so the memory grows: a little.
#[test]
fn a_reader_can_go_on_for_long() {
    let mut page = Page::new();
    for _ in 0..30 {
        page.ask("show", "frames\nevents all half");
    }
    assert!(page.memory.size(&page.store) < 32, "{} pages", page.memory.size(&page.store));
}
