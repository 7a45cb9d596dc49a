//! The work that mdBook cannot do by itself. This reads every `labs/*/lab.toml` and writes
//! the checks of a lab, with points, rules and hints, into the chapter that
//! requests them. So the book and the grader cannot disagree. It does the same
//! with the measurements in `kernel/bench/results.json`.
//!
//! A request is a line of its own:
//!
//! - `{{#checks 01-pmm}}`: the checks of this lab, each with its name as the anchor, to which
//!   the grader's messages link.
//! - `{{#live 01-pmm}}`: a box in which the kernel boots and this lab's checks run, in the reader's
//!   browser.
//! - `{{#all-checks}}`: the checks of every lab, as tables that link to the chapters.
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
