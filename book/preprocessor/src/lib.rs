//! What mdBook cannot do by itself: it reads every `labs/*/lab.toml` and writes
//! the checks of a lab, with points, rules and hints, into the chapter that
//! asks for them. So the book and the grader cannot disagree. It does the same
//! with what was measured: `kernel/bench/results.json`.
//!
//! A chapter asks on a line of its own:
//!
//! - `{{#checks 01-pmm}}`: the checks of this lab, each with an anchor that is
//!   its name, which is where the grader's messages point to.
//! - `{{#live 01-pmm}}`: a box in which the kernel boots and this lab's checks run, in the reader's
//!   browser.
//! - `{{#all-checks}}`: the checks of every lab, as tables that point there.
//! - `{{#bench heaps}}`: a table of figures; [`figures::Figures::TABLES`] has the names of all.
//! - `{{#c-names pmm}}`: the names in C of the methods in `kernel/mm-api/src/pmm.rs`.
#![forbid(unsafe_code)]

pub mod c_names;
pub mod chapter;
pub mod figures;
pub mod lab;
pub mod live;
pub mod markdown;
mod problem;
mod sources;

pub use problem::Problem;
pub use sources::Sources;
