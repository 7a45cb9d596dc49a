//! The terminal, while the program uses the whole screen: entered, lent and always given back.

use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::style::Print;
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
    EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{execute, queue};

use crate::host::process;

use super::input::Input;

/// Whether the program has the terminal.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// The terminal. It is given back when this is dropped, at a panic, and when a signal ends the grader.
pub struct Terminal {
    go_on: Sender<()>,
}

impl Terminal {
    /// Takes the terminal, and tells of keys from now on: of the next one only after [`read_on`](Self::read_on).
    ///
    /// # Errors
    /// If it cannot be set up.
    pub fn enter(tell: Sender<Input>) -> io::Result<Self> {
        process::before_end(give_back);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
        let (go_on, going_on) = mpsc::channel();
        let terminal = Self { go_on };
        terminal.take()?;
        tell_keys(tell, going_on);
        Ok(terminal)
    }

    fn take(&self) -> io::Result<()> {
        terminal::enable_raw_mode()?;
        ENTERED.store(true, Ordering::SeqCst);
        execute!(io::stdout(), EnterAlternateScreen, Hide, DisableLineWrap)
    }

    /// Reads the next key, after one that was told of.
    pub fn read_on(&self) {
        // Nobody reads any more when the terminal is gone.
        let _ = self.go_on.send(());
    }

    /// Gives the terminal back while `what` is done with it. To be called between a key and `read_on`.
    ///
    /// # Errors
    /// If it cannot be set up again.
    pub fn lend<T>(&self, what: impl FnOnce() -> T) -> io::Result<T> {
        give_back();
        let answer = what();
        self.take()?;
        Ok(answer)
    }

    /// Columns and rows.
    pub fn size() -> (usize, usize) {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        (usize::from(columns), usize::from(rows))
    }

    /// Shows lines, from the top. There must be at most as many as rows, none longer than the columns.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn draw(&self, lines: &[String]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        queue!(out, BeginSynchronizedUpdate)?;
        for (row, line) in (0..).zip(lines) {
            queue!(out, MoveTo(0, row), Print(line), Clear(ClearType::UntilNewLine))?;
        }
        queue!(out, Clear(ClearType::FromCursorDown), EndSynchronizedUpdate)?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Restores the terminal, if the program has it.
fn give_back() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        // If the terminal is gone, nobody sees it.
        let _ = execute!(io::stdout(), EnableLineWrap, Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

/// Reports keys from now on. After each one it waits until it is asked to go on, and reads nothing meanwhile: a program
/// that the terminal is lent to gets what is typed.
fn tell_keys(tell: Sender<Input>, go_on: Receiver<()>) {
    thread::spawn(move || {
        while let Ok(event) = read() {
            let input = match event {
                Event::Key(key) if key.kind == KeyEventKind::Release => continue,
                Event::Key(key) if key.modifiers.contains(KeyModifiers::CONTROL) => match key.code {
                    KeyCode::Char('c' | 'd') => Input::Interrupt,
                    KeyCode::Char('l') => Input::Resized,
                    _ => continue,
                },
                Event::Key(key) => Input::Key(key.code),
                Event::Resize(..) => Input::Resized,
                _ => continue,
            };
            let is_key = matches!(input, Input::Key(_));
            if tell.send(input).is_err() || is_key && go_on.recv().is_err() {
                break;
            }
        }
        // The terminal is gone: the same as if the user had quit.
        let _ = tell.send(Input::Interrupt);
    });
}
