//! The processes of the machine, and how they begin and end.

use abi::{Signal, WaitStatus};
use kernel_core::labs::KernelStackArea;
use kernel_core::machine::{Machine, Module};
use kernel_core::trap::{TrapFrame, TrapStack};
use kernel_core::words::told;
use mm_api::PageRange;
use mm_api::layout::{KERNEL_STACKS_END, KERNEL_STACKS_START};

use super::address_space::AddressSpace;
use super::process::{Event, Name, Pid, Process, Resources, State};
use super::spawn_error::SpawnError;
use super::table::{Reservation, Slot, Table};
use crate::memory;

/// The area of the kernel's stacks.
const STACKS: PageRange = PageRange::between(KERNEL_STACKS_START, KERNEL_STACKS_END);

/// All processes, and the one that runs.
pub struct System {
    machine: &'static Machine,
    table: Table,
    stacks: KernelStackArea,
    /// The process whose kernel stack the kernel runs on: the process that runs, or ran last.
    current: Option<Slot>,
    /// The kernel stack of a process that ended while the kernel ran on that stack.
    zombie_stack: Option<TrapStack>,
    /// Whether a process has ended since the last [`reap`](Self::reap).
    has_zombies: bool,
    /// How the first process ended, once it has.
    ended: Option<WaitStatus>,
    /// The tick at which the picture of memory is due again.
    next_picture: u64,
}

impl System {
    /// A system without processes. Its programs are the modules that the machine was booted with.
    pub fn new(machine: &'static Machine) -> Self {
        Self {
            machine,
            table: Table::new(),
            stacks: memory::with(|memory| memory.labs()).kernel_stacks(STACKS),
            current: None,
            zombie_stack: None,
            has_zombies: false,
            ended: None,
            next_picture: 0,
        }
    }

    /// The table of processes.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The table of processes, for changing it.
    pub fn table_mut(&mut self) -> &mut Table {
        &mut self.table
    }

    /// Whether the picture of memory is due at this tick. If so, it is due again `period` ticks
    /// later.
    pub fn picture_is_due(&mut self, now: u64, period: u64) -> bool {
        let is_due = self.next_picture <= now;
        if is_due {
            self.next_picture = now + period;
        }
        is_due
    }

    /// The machine that the processes run on.
    pub fn machine(&self) -> &'static Machine {
        self.machine
    }

    /// The module of the program with this name.
    pub fn program(&self, name: &str) -> Option<Module> {
        self.machine.modules().find(|module| module.name == name)
    }

    /// The place of the process that runs, or ran last.
    ///
    /// # Panics
    /// If no process was chosen yet.
    #[track_caller]
    pub fn current_slot(&self) -> Slot {
        self.current.expect("a process runs")
    }

    /// The process that runs, or ran last.
    ///
    /// # Panics
    /// If no process was chosen yet.
    #[track_caller]
    pub fn current(&mut self) -> &mut Process {
        let slot = self.current_slot();
        self.table.at_mut(slot)
    }

    /// Makes the running process wait for an event.
    ///
    /// # Panics
    /// If no process was chosen yet.
    #[track_caller]
    pub fn wait_for(&mut self, event: Event) {
        let slot = self.current_slot();
        self.table.wait_for(slot, event);
    }

    /// The memory of the running process.
    ///
    /// # Panics
    /// If no process was chosen yet, or the process has ended.
    #[track_caller]
    pub fn space(&mut self) -> &mut AddressSpace {
        self.current().space_mut()
    }

    /// Makes this process the first to run.
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
        let Resources { space, stack } = self.table.at(slot).resources().expect("a process that can run is no zombie");
        space.activate();
        kernel_core::trap::set_kernel_stack(stack);
    }

    /// Adds a process. `make` makes its memory and the registers that it begins with.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn add(
        &mut self,
        parent: Pid,
        name: Name,
        make: impl FnOnce(&mut Self) -> Result<(AddressSpace, TrapFrame), SpawnError>,
    ) -> Result<Pid, SpawnError> {
        let slot = self.table.free_slot().ok_or(SpawnError::TooManyProcesses)?;
        let reservation = Reservation::make().ok_or(SpawnError::KernelHeap)?;
        let stack = self.make_stack()?;
        let (space, frame) = match make(self) {
            Ok(made) => made,
            Err(error) => {
                self.destroy_stack(stack);
                return Err(error);
            }
        };
        let pid = self.table.next_pid();
        let process = Process::new(pid, parent, name, frame, Resources { space, stack });
        self.table.insert(slot, reservation, process);
        Ok(pid)
    }

    /// Ends a process: it becomes a zombie, and everything that it needed to run is destroyed.
    pub fn end(&mut self, slot: Slot, status: WaitStatus) {
        let process = self.table.at(slot);
        let (pid, parent) = (process.pid(), process.parent());
        self.has_zombies = true;
        self.release(slot, status);
        if pid == Pid::FIRST {
            return self.end_all(status);
        }
        self.table.iter_mut().filter(|process| process.parent() == pid).for_each(Process::become_orphan);
        self.wake_parent(parent, pid);
    }

    /// Makes a process a zombie, and destroys its memory and its kernel stack.
    fn release(&mut self, slot: Slot, status: WaitStatus) {
        let Some(Resources { space, stack }) = self.table.become_zombie(slot, status) else { return };
        space.destroy();
        if self.current == Some(slot) {
            // The kernel still runs on this stack.
            self.zombie_stack = Some(stack);
        } else {
            self.destroy_stack(stack);
        }
    }

    /// Ends a process and all its descendants.
    pub fn kill_family(&mut self, pid: Pid) {
        let lives = |process: &Process| process.status().is_none();
        // The process itself goes last, because its end would give its children another parent.
        let descendant =
            |system: &Self| system.table.position(|process| lives(process) && system.descends(process, pid));
        let itself = |system: &Self| system.table.position(|process| lives(process) && process.pid() == pid);
        while let Some(slot) = descendant(self).or_else(|| itself(self)) {
            self.end(slot, WaitStatus::killed(Signal::Kill));
        }
    }

    /// Whether `process` descends from the process with the number `from`.
    fn descends(&self, process: &Process, from: Pid) -> bool {
        let mut parent = process.parent();
        // No process is its own ancestor, so this ends.
        while let Some(slot) = self.table.find(parent) {
            if parent == from {
                return true;
            }
            parent = self.table.at(slot).parent();
        }
        false
    }

    /// Ends every process, because the first one has ended.
    fn end_all(&mut self, status: WaitStatus) {
        self.ended = Some(status);
        while let Some(slot) = self.table.position(|_| true) {
            self.release(slot, status);
            self.table.remove(slot);
        }
    }

    /// How the first process ended; `None` while it lives. No process is left once it has ended.
    pub fn ended(&self) -> Option<WaitStatus> {
        self.ended
    }

    /// Wakes the parent if it waits for this child, or for any.
    fn wake_parent(&mut self, parent: Pid, child: Pid) {
        let waits = |state| matches!(state, State::Waiting(Event::Child(of)) if of.is_none_or(|of| of == child));
        if let Some(parent) = self.table.find(parent)
            && waits(self.table.at(parent).state())
        {
            self.table.wake(parent);
        }
    }

    /// Makes a kernel stack. The kernel is about to run on it, so the tables are read first, and
    /// lab 05's answer is not trusted.
    fn make_stack(&mut self) -> Result<TrapStack, SpawnError> {
        memory::with(|memory| {
            let stack = self.stacks.create(&mut memory.kernel_stack_pages()).map_err(SpawnError::KernelStack)?;
            let pages = stack.pages();
            match memory.machine().claim_stack(memory.kernel_root(), stack) {
                Ok(stack) => Ok(stack),
                Err(page) => {
                    let pages = told(&pages);
                    panic!("lab 05 made a kernel stack of {pages}, of which {page} is not mapped, or in use already")
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

    /// Removes the zombies whose parents will never ask, and the kernel stack that the last trap
    /// left. To be called while the kernel works for a living process.
    pub fn reap(&mut self) {
        if let Some(stack) = self.zombie_stack.take() {
            self.destroy_stack(stack);
        }
        if core::mem::take(&mut self.has_zombies) {
            while let Some(slot) = self.table.position(Process::can_be_reaped) {
                self.table.remove(slot);
            }
        }
    }

    /// The number of kernel stacks.
    pub fn kernel_stacks(&self) -> u32 {
        let living = self.table.iter().filter(|process| process.resources().is_some()).count();
        // There are at most as many as processes, and one more.
        living as u32 + u32::from(self.zombie_stack.is_some())
    }
}
