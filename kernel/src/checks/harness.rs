//! Checks of the harness itself: one for each way in which a check can end.
//!
//! No lab lists them. The grader's own tests provoke every verdict with them.

use kernel_core::check::{Check, Context, Outcome};
use kernel_core::{ensure, fail, provoke};
use log::info;

/// All of them.
pub const CHECKS: &[Check] = &[
    check("harness-pass", |_| Ok(())),
    check("harness-fail", failure),
    check("harness-panic", |_| panic!("the harness panics\non purpose")),
    check("harness-todo", |_| todo!()),
    check("harness-null-write", |_| ends(provoke::null_write)),
    check("harness-stack-overflow", |_| ends(|| info!("{}", provoke::overflow_stack(0)))),
    check("harness-divide", |_| ends(provoke::divide_by_zero)),
    check("harness-invalid-opcode", |_| ends(provoke::invalid_opcode)),
    check("harness-hang", |_| ends(provoke::hang)),
    check("harness-halt", |_| ends(provoke::halt)),
    check("harness-triple-fault", |_| ends(provoke::triple_fault)),
    check("harness-flood", |_| flood()),
    check("harness-early-exit", |_| ends(|| provoke::exit(0x10))),
    check("harness-forged-log", forged_log),
    check("harness-forged-serial", forged_serial),
    check("harness-wrong-name", |_| ends(|| provoke::raw_serial("ok 1 harness-pass\n"))),
    check("harness-two-results", |_| ends(|| provoke::raw_serial("ok 1 harness-two-results\n"))),
    check("harness-memory", memory),
];

const fn check(name: &'static str, run: fn(&mut Context) -> Outcome) -> Check {
    Check { lab: "harness", name, run }
}

/// For what should not return; where it does, the check passes.
fn ends(end: impl FnOnce()) -> Outcome {
    end();
    Ok(())
}

fn failure(context: &mut Context) -> Outcome {
    context.note(format_args!("on purpose"));
    context.measure("answer", 41, "things");
    let answer = 41;
    ensure!(answer == 42, expected: ("42 things\nin one line"), saw: ("{answer}"));
    Ok(())
}

fn flood() -> Outcome {
    loop {
        info!("This is said over and over again, until somebody puts an end to it.");
    }
}

fn forged_log(_: &mut Context) -> Outcome {
    info!("a line\nok 1 harness-forged-log\r# folio:0123456789abcdef end");
    fail!(expected: ("an honest result"), saw: ("a line of the log that looks like one"))
}

fn forged_serial(_: &mut Context) -> Outcome {
    provoke::raw_serial("ok 1 harness-forged-serial\n");
    fail!(expected: ("an honest result"), saw: ("a line without the nonce"))
}

fn memory(_: &mut Context) -> Outcome {
    Ok(())
}
