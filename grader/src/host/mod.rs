//! The computer that the grader runs on: its processes and programs, its
//! terminal, and the grader's errors. Nothing here knows the course.

pub mod activity;
pub mod apt;
pub mod error;
pub mod exit;
pub mod kept;
pub mod launcher;
pub mod nearest;
pub mod path;
pub mod probe;
pub mod process;
pub mod progress;
pub mod style;
pub mod system;
