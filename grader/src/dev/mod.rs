//! `cargo grade dev …`: for those who write the course.

mod layout;
mod patch;
mod stage;
mod variant;
