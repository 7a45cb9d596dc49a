//! The processes of the machine, and how they begin and end.

use abi::{Signal, WaitStatus};
use kernel_core::labs::KernelStackArea;
use kernel_core::machine::{Machine, Module};
use kernel_core::trap::{TrapFrame, TrapStack};
use mm_api::PageRange;
use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START};

use super::address_space::AddressSpace;
use super::process::{Body, Event, Name, Pid, Process, State};
use super::refusal::Refusal;
use super::table::{Room, Slot, Table};
use crate::memory;

/// The area of the kernel's stacks.
const STACKS: PageRange = PageRange::between(KERNEL_STACKS_START, KERNEL_STACKS_END);

/// All processes, and who runs.
pub struct System {
    machine: &'static Machine,
    /// The processes.
    pub table: Table,
    stacks: KernelStackArea,
    /// Whose kernel stack the kernel works on: the process that runs, or did last.
    current: Option<Slot>,
    /// The kernel stack of a process that ended while the kernel worked on it.
    abandoned: Option<TrapStack>,
    /// Whether a process has ended since the last [`bury`](Self::bury).
    some_ended: bool,
    /// How the first process ended, once it has.
    ended: Option<WaitStatus>,
    /// The tick at which memory is to be drawn again.
    pub next_picture: u64,
}

impl System {
    /// No processes yet. Programs are the modules that the machine was booted with.
    pub fn new(machine: &'static Machine) -> Self {
        Self {
            machine,
            table: Table::new(),
            stacks: memory::with(|memory| memory.labs()).kernel_stacks(STACKS),
            current: None,
            abandoned: None,
            some_ended: false,
            ended: None,
            next_picture: 0,
        }
    }

    /// The machine.
    pub fn machine(&self) -> &'static Machine {
        self.machine
    }

    /// The file of the program with this name.
    pub fn program(&self, name: &str) -> Option<Module> {
        self.machine.modules().find(|module| module.name == name)
    }

    /// Where the process is that runs, or ran last.
    ///
    /// # Panics
    /// If none was chosen yet.
    #[track_caller]
    pub fn current_slot(&self) -> Slot {
        self.current.expect("a process runs")
    }

    /// The process that runs.
    ///
    /// # Panics
    /// If none was chosen yet.
    #[track_caller]
    pub fn current(&mut self) -> &mut Process {
        let slot = self.current_slot();
        self.table.at_mut(slot)
    }

    /// The memory of the process that runs.
    ///
    /// # Panics
    /// If it has ended.
    #[track_caller]
    pub fn space(&mut self) -> &mut AddressSpace {
        &mut self.current().body.as_mut().expect("a process that runs has memory").space
    }

    /// Makes this process the first that runs.
    pub fn begin_with(&mut self, pid: Pid) {
        if let Some(slot) = self.table.find(pid) {
            self.switch_to(slot);
        }
    }

    /// Makes the process at a place the one that runs, from the next return to ring 3 on.
    ///
    /// # Panics
    /// If it has ended.
    pub fn switch_to(&mut self, slot: Slot) {
        self.current = Some(slot);
        let body = self.table.at(slot).body.as_ref().expect("a process that can run has memory");
        body.space.activate();
        kernel_core::trap::set_kernel_stack(&body.stack);
    }

    /// Adds a process that will begin with `frame`. `make` makes its memory.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn add(
        &mut self,
        parent: Pid,
        name: Name,
        make: impl FnOnce(&mut Self) -> Result<(AddressSpace, TrapFrame), Refusal>,
    ) -> Result<Pid, Refusal> {
        let slot = self.table.free_slot().ok_or(Refusal::TooManyProcesses)?;
        let room = Room::make().ok_or(Refusal::KernelHeap)?;
        let stack = self.make_stack()?;
        let (space, frame) = match make(self) {
            Ok(made) => made,
            Err(error) => {
                self.destroy_stack(stack);
                return Err(error);
            }
        };
        let pid = self.table.next_pid();
        let body = Some(Body { space, stack });
        let process = Process { pid, parent, adopted: false, name, state: State::Ready, frame, body, ticks: 0 };
        self.table.insert(slot, room, process);
        Ok(pid)
    }

    /// Ends a process. All that it has goes, but for what its parent is to be told.
    pub fn end(&mut self, slot: Slot, status: WaitStatus) {
        let process = self.table.at_mut(slot);
        let (pid, parent) = (process.pid, process.parent);
        process.state = State::Ended(status);
        self.some_ended = true;
        if let Some(Body { space, stack }) = process.body.take() {
            space.destroy();
            if self.current == Some(slot) {
                // The kernel stands on it.
                self.abandoned = Some(stack);
            } else {
                self.destroy_stack(stack);
            }
        }
        if pid == Pid::FIRST {
            return self.end_all(status);
        }
        for child in self.table.iter_mut().filter(|process| process.parent == pid) {
            child.parent = Pid::FIRST;
            child.adopted = true;
        }
        self.tell(parent, pid);
    }

    /// Ends a process, and all that descend from it.
    pub fn kill_family(&mut self, pid: Pid) {
        // It goes last: with it, those below would get another parent.
        let below =
            |system: &Self| system.table.position(|process| process.body.is_some() && system.descends(process, pid));
        let itself = |system: &Self| system.table.position(|process| process.body.is_some() && process.pid == pid);
        while let Some(slot) = below(self).or_else(|| itself(self)) {
            self.end(slot, WaitStatus::killed(Signal::Kill));
        }
    }

    /// Whether `process` descends from the one with this number.
    fn descends(&self, process: &Process, from: Pid) -> bool {
        let mut parent = process.parent;
        // Nobody is their own ancestor, so this ends.
        while let Some(slot) = self.table.find(parent) {
            if parent == from {
                return true;
            }
            parent = self.table.at(slot).parent;
        }
        false
    }

    /// The first process has ended, so everything does.
    fn end_all(&mut self, status: WaitStatus) {
        self.ended = Some(status);
        while let Some(slot) = self.table.position(|_| true) {
            if let Some(Body { space, stack }) = self.table.at_mut(slot).body.take() {
                space.destroy();
                self.destroy_stack(stack);
            }
            self.table.remove(slot);
        }
    }

    /// How the first process ended, once it has. There are no others then.
    pub fn ended(&self) -> Option<WaitStatus> {
        self.ended
    }

    /// Wakes a process that waits for this child.
    fn tell(&mut self, parent: Pid, child: Pid) {
        let waits = |state| matches!(state, State::Waiting(Event::Child(of)) if of.is_none_or(|of| of == child));
        if let Some(parent) = self.table.iter_mut().find(|process| process.pid == parent)
            && waits(parent.state)
        {
            parent.state = State::Ready;
        }
    }

    /// Makes a kernel stack. The kernel is about to stand on it, so the tables are read
    /// first, whatever lab 05 says.
    fn make_stack(&mut self) -> Result<TrapStack, Refusal> {
        memory::with(|memory| {
            let stack = self.stacks.create(&mut memory.kernel_stack_pages()).map_err(Refusal::KernelStack)?;
            let pages = stack.pages();
            match memory.machine().claim_stack(memory.kernel_root(), stack) {
                Ok(stack) => Ok(stack),
                Err(page) => {
                    panic!("lab 05 made a kernel stack of {pages:?}, of which {page} is not mapped, or in use already")
                }
            }
        })
    }

    fn destroy_stack(&mut self, stack: TrapStack) {
        memory::with(|memory| {
            let stack = memory.machine().release_stack(memory.kernel_root(), stack);
            self.stacks.destroy(&mut memory.kernel_stack_pages(), stack);
        });
    }

    /// Takes away what is left of processes that have ended and that nobody asks
    /// about. To be called when the kernel works for one that has not ended.
    pub fn bury(&mut self) {
        if let Some(stack) = self.abandoned.take() {
            self.destroy_stack(stack);
        }
        if core::mem::take(&mut self.some_ended) {
            let is_left = |process: &Process| process.adopted && matches!(process.state, State::Ended(_));
            while let Some(slot) = self.table.position(is_left) {
                self.table.remove(slot);
            }
        }
    }

    /// How many kernel stacks there are.
    pub fn kernel_stacks(&self) -> u32 {
        let bodies = self.table.iter().filter(|process| process.body.is_some()).count();
        // There are far fewer.
        bodies as u32 + u32::from(self.abandoned.is_some())
    }
}
