//! Ranges of no bytes at the null address: no pointer may be followed.
//!
//! A function that follows one ends the whole program with a signal, and the reports of all other
//! tests are lost. So this test is a program of its own, which cargo runs after
//! `contract.rs`, and only if that passed.

mod common;

#[test]
fn nothing_at_all_is_fine_anywhere() {
    for functions in common::all() {
        assert!(functions.nothing_at_null().is_eq());
    }
}
