//! Tables of functions, each declared once for both sides.

/// Declares a table of functions, its constructor for a type, and the calls of a
/// [`Remote`](crate::remote::Remote):
///
/// ```text
/// table! {
///     /// What the table is for.
///     FramesTable(Owned: FrameAllocator) for FrameAllocator {
///         fn new[new](map: &MemoryMap<'_>, lender: &mut dyn MetadataLender) -> InitError;
///         fn allocate[mut]() -> Option<Frame>;
///     }
/// }
/// ```
///
/// A type with the trait in parentheses can be called; it is `Held` in any way, or `Owned` by the
/// `Remote`. The trait after `for` is implemented by the caller, which is a `Remote` unless another
/// `impl` follows. A table may have several traits. The word in brackets is the kind of a function:
///
/// | | is declared as |
/// |---|---|
/// | `ref`, `mut` | `fn(&self, …) -> Answer`, `fn(&mut self, …) -> Answer` |
/// | `new` | `fn(…) -> Result<Self, Error>`, with `Error` after the arrow |
/// | `make` | `fn(…) -> Self`, with `()` after the arrow |
/// | `fork` | `fn(&self, …) -> Result<Self, Error>`, with `Error` after the arrow |
/// | `end` | `fn(self, …)`, with `()` after the arrow |
/// | `only` | `fn(…) -> Answer`, of a type that keeps nothing |
/// | `parent` | [`mm_api::Fork::parent`] |
/// | `with_machine` | `new`, with a machine as its first argument |
/// | `with_heap` | `make`, with a heap and the interrupts as its arguments |
/// | `lend_heap` | `fn<R>(&self, work: impl FnOnce(&mut Heap) -> R) -> R` |
macro_rules! table {
    (
        $(#[$meta:meta])*
        $Table:ident($held:ident: $bound:path) $(
            for $Trait:path $(= [$($caller:tt)+])? {
                $(fn $name:ident[$kind:ident]($($arg:ident: $Arg:ty),* $(,)?) -> $Answer:ty;)*
            }
        )+
    ) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct $Table {
            end: unsafe extern "C" fn(*mut ()),
            $($($name: signature!($kind ($($Arg),*) -> $Answer),)*)+
        }

        impl $Table {
            /// The table of a type.
            #[must_use]
            pub const fn of<H: $crate::remote::$held>() -> Self
            where
                H::Object: $bound,
            {
                unsafe extern "C" fn end<H: $crate::remote::Held>(place: *mut ()) {
                    // SAFETY: the caller's promise.
                    unsafe { H::end(place) }
                }
                Self {
                    end: end::<H>,
                    $($($name: called!($kind $Trait, ($held: $bound) $name ($($arg: $Arg),*) -> $Answer),)*)+
                }
            }
        }

        impl $crate::remote::Table for $Table {
            fn end(&self) -> unsafe extern "C" fn(*mut ()) {
                self.end
            }
        }

        $(
            caller! {
                [$($($caller)+)?] $Trait, $Table {
                    $(calling!($kind $Table $name ($($arg: $Arg),*) -> $Answer);)*
                }
            }
        )+
    };
}

/// Implements a trait by calling: for a `Remote` of any size, or for the named type.
macro_rules! caller {
    ([] $Trait:path, $Table:ident $functions:tt) => {
        caller!([impl<const WORDS: usize> $Trait for $crate::remote::Remote<$Table, WORDS>] $Trait, $Table $functions);
    };
    ([$($header:tt)+] $Trait:path, $Table:ident $functions:tt) => {
        $($header)+ $functions
    };
}

/// The type of a function in a table.
macro_rules! signature {
    (new ($($Arg:ty),*) -> $Error:ty) => { signature!(mut ($($Arg),*) -> Result<(), $Error>) };
    (make ($($Arg:ty),*) -> $Nothing:ty) => { signature!(mut ($($Arg),*) -> ()) };
    (end ($($Arg:ty),*) -> $Nothing:ty) => { signature!(mut ($($Arg),*) -> $Nothing) };
    (parent () -> $Nothing:ty) => {
        unsafe extern "C" fn(*mut ()) -> $crate::instruments::LentPages
    };
    (with_machine ($($Arg:ty),*) -> $Error:ty) => {
        signature!(new ($crate::instruments::RemoteMachine $(, $Arg)*) -> $Error)
    };
    (with_heap () -> $Nothing:ty) => {
        signature!(make ($crate::components::RemoteHeap, $crate::instruments::RemoteInterrupts) -> ())
    };
    (lend_heap () -> $Nothing:ty) => { signature!(ref ($crate::components::Work) -> ()) };
    (fork ($($Arg:ty),*) -> $Error:ty) => {
        unsafe extern "C" fn(
            *mut (), *mut (), $(*mut <$Arg as $crate::crossing::Crosses>::Sent),*
        ) -> <Result<(), $Error> as $crate::crossing::Crosses>::Sent
    };
    ($kind:ident ($($Arg:ty),*) -> $Answer:ty) => {
        unsafe extern "C" fn(
            *mut (), $(*mut <$Arg as $crate::crossing::Crosses>::Sent),*
        ) -> <$Answer as $crate::crossing::Crosses>::Sent
    };
}

/// Receives an argument, in a function of a table.
macro_rules! received {
    ($arg:ident: $Arg:ty) => {
        // SAFETY: the other side has sent it for this call.
        unsafe { <$Arg as $crate::crossing::Crosses>::receive(&mut *$arg) }
    };
}

/// A function of a table: the called side.
macro_rules! called {
    (@fn ($held:ident: $bound:path) ($($arg:ident: $Arg:ty),*) -> $Sent:ty, |$place:ident $(, $other:ident)?| $body:expr) => {{
        unsafe extern "C" fn call<H: $crate::remote::$held>(
            $place: *mut (),
            $($other: *mut (),)?
            $($arg: *mut <$Arg as $crate::crossing::Crosses>::Sent,)*
        ) -> <$Sent as $crate::crossing::Crosses>::Sent
        where
            H::Object: $bound,
        {
            $crate::crossing::Crosses::send($body)
        }
        call::<H>
    }};
    (ref $Trait:path, ($held:ident: $bound:path) $name:ident ($($arg:ident: $Arg:ty),*) -> $Answer:ty) => {
        called!(@fn ($held: $bound) ($($arg: $Arg),*) -> $Answer, |place| {
            // SAFETY: the words of a `Remote` with this table are there.
            let object = unsafe { H::at(place) };
            <H::Object as $Trait>::$name(object, $(received!($arg: $Arg)),*)
        })
    };
    (mut $Trait:path, ($held:ident: $bound:path) $name:ident ($($arg:ident: $Arg:ty),*) -> $Answer:ty) => {
        called!(@fn ($held: $bound) ($($arg: $Arg),*) -> $Answer, |place| {
            // SAFETY: the words of a `Remote` with this table are there, and are borrowed mutably.
            let object = unsafe { H::at_mut(place) };
            <H::Object as $Trait>::$name(object, $(received!($arg: $Arg)),*)
        })
    };
    (new $Trait:path, ($held:ident: $bound:path) $name:ident ($($arg:ident: $Arg:ty),*) -> $Error:ty) => {
        called!(@fn ($held: $bound) ($($arg: $Arg),*) -> Result<(), $Error>, |place| {
            <H::Object as $Trait>::$name($(received!($arg: $Arg)),*).map(|value| {
                // SAFETY: the words of a `Remote` are there, and hold no value yet.
                unsafe { H::put(place, value) }
            })
        })
    };
    (only $Trait:path, ($held:ident: $bound:path) $name:ident ($($arg:ident: $Arg:ty),*) -> $Answer:ty) => {
        called!(@fn ($held: $bound) ($($arg: $Arg),*) -> $Answer, |_place| {
            <H::Object as $Trait>::$name($(received!($arg: $Arg)),*)
        })
    };
    (parent $Trait:path, ($held:ident: $bound:path) $name:ident () -> $Nothing:ty) => {{
        unsafe extern "C" fn call<H: $crate::remote::$held>(place: *mut ()) -> $crate::instruments::LentPages
        where
            H::Object: $bound,
        {
            // SAFETY: the words of a `Remote` with this table are there, and are borrowed mutably.
            let object = unsafe { H::at_mut(place) };
            $crate::crossing::Crosses::send(<H::Object as $Trait>::$name(object))
        }
        call::<H>
    }};
    (make $Trait:path, ($held:ident: $bound:path) $name:ident ($($arg:ident: $Arg:ty),*) -> $Nothing:ty) => {
        called!(@fn ($held: $bound) ($($arg: $Arg),*) -> (), |place| {
            let value = <H::Object as $Trait>::$name($(received!($arg: $Arg)),*);
            // SAFETY: the words of a `Remote` are there, and hold no value yet.
            unsafe { H::put(place, value) }
        })
    };
    (with_machine $Trait:path, ($held:ident: $bound:path) $name:ident ($($arg:ident: $Arg:ty),*) -> $Error:ty) => {
        called!(new $Trait, ($held: $bound) $name (machine: $crate::instruments::RemoteMachine $(, $arg: $Arg)*) -> $Error)
    };
    (with_heap $Trait:path, ($held:ident: $bound:path) $name:ident () -> $Nothing:ty) => {
        called!(make $Trait, ($held: $bound) $name (
            heap: $crate::components::RemoteHeap,
            interrupts: $crate::instruments::RemoteInterrupts
        ) -> ())
    };
    (lend_heap $Trait:path, ($held:ident: $bound:path) $name:ident () -> $Nothing:ty) => {
        called!(@fn ($held: $bound) (work: $crate::components::Work) -> (), |place| {
            // SAFETY: the words of a `Remote` with this table are there.
            let object = unsafe { H::at(place) };
            let work = received!(work: $crate::components::Work);
            <H::Object as $Trait>::$name(object, |heap| work.call(heap))
        })
    };
    (fork $Trait:path, ($held:ident: $bound:path) $name:ident ($($arg:ident: $Arg:ty),*) -> $Error:ty) => {
        called!(@fn ($held: $bound) ($($arg: $Arg),*) -> Result<(), $Error>, |place, copy| {
            // SAFETY: the words of a `Remote` with this table are there.
            let object = unsafe { H::at(place) };
            <H::Object as $Trait>::$name(object, $(received!($arg: $Arg)),*).map(|value| {
                // SAFETY: the words of a `Remote` are there, and hold no value yet.
                unsafe { H::put(copy, value) }
            })
        })
    };
    (end $Trait:path, ($held:ident: $bound:path) $name:ident ($($arg:ident: $Arg:ty),*) -> $Nothing:ty) => {
        called!(@fn ($held: $bound) ($($arg: $Arg),*) -> (), |place| {
            // SAFETY: the words of a `Remote` with this table are there, and are not used again.
            let object = unsafe { H::take(place) };
            <H::Object as $Trait>::$name(object, $(received!($arg: $Arg)),*)
        })
    };
}

/// Sends the arguments, calls a function, and receives its answer.
macro_rules! sent {
    ($function:expr, ($($place:expr),+), ($($arg:ident: $Arg:ty),*) -> $Answer:ty) => {{
        $(let mut $arg = <$Arg as $crate::crossing::Crosses>::send($arg);)*
        // SAFETY: the function is for the value in this place, and the arguments are sent as it
        // expects.
        #[allow(clippy::let_unit_value)]
        let mut answer = unsafe { $function($($place,)+ $(&raw mut $arg),*) };
        // SAFETY: the function has sent the answer.
        unsafe { <$Answer as $crate::crossing::Crosses>::receive(&mut answer) }
    }};
}

/// A function of a table: the calling side.
macro_rules! calling {
    (ref $Table:ident $name:ident ($($arg:ident: $Arg:ty),*) -> $Answer:ty) => {
        fn $name(&self, $($arg: $Arg),*) -> $Answer {
            sent!((self.table().$name), (self.place()), ($($arg: $Arg),*) -> $Answer)
        }
    };
    (mut $Table:ident $name:ident ($($arg:ident: $Arg:ty),*) -> $Answer:ty) => {
        fn $name(&mut self, $($arg: $Arg),*) -> $Answer {
            sent!((self.table().$name), (self.place_mut()), ($($arg: $Arg),*) -> $Answer)
        }
    };
    (new $Table:ident $name:ident ($($arg:ident: $Arg:ty),*) -> $Error:ty) => {
        fn $name($($arg: $Arg),*) -> Result<Self, $Error> {
            let table = <$Table as $crate::components::Provided>::table();
            let mut words = $crate::remote::Words::empty();
            sent!((table.$name), (words.place()), ($($arg: $Arg),*) -> Result<(), $Error>)?;
            // SAFETY: the table's function has put a value there.
            Ok(unsafe { Self::of(table, words) })
        }
    };
    (only $Table:ident $name:ident ($($arg:ident: $Arg:ty),*) -> $Answer:ty) => {
        fn $name($($arg: $Arg),*) -> $Answer {
            let table = <$Table as $crate::components::Provided>::table();
            sent!((table.$name), (core::ptr::null_mut()), ($($arg: $Arg),*) -> $Answer)
        }
    };
    (parent $Table:ident $name:ident () -> $Nothing:ty) => {
        fn $name(&mut self) -> &mut dyn mm_api::SharedPages {
            // SAFETY: the function is for the value in this place.
            let parent = unsafe { (self.table().$name)(self.place_mut()) };
            self.keep(parent)
        }
    };
    (make $Table:ident $name:ident ($($arg:ident: $Arg:ty),*) -> $Nothing:ty) => {
        fn $name($($arg: $Arg),*) -> Self {
            let table = <$Table as $crate::components::Provided>::table();
            let mut words = $crate::remote::Words::empty();
            sent!((table.$name), (words.place()), ($($arg: $Arg),*) -> ());
            // SAFETY: the table's function has put a value there.
            unsafe { $crate::remote::Remote::of(table, words) }
        }
    };
    (with_machine $Table:ident $name:ident ($($arg:ident: $Arg:ty),*) -> $Error:ty) => {
        fn $name(machine: M, $($arg: $Arg),*) -> Result<Self, $Error> {
            let table = <$Table as $crate::components::Provided>::table();
            let mut words = $crate::remote::Words::empty();
            let machine = $crate::instruments::machine(machine);
            sent!(
                (table.$name), (words.place()),
                (machine: $crate::instruments::RemoteMachine $(, $arg: $Arg)*) -> Result<(), $Error>
            )?;
            // SAFETY: the table's function has put a value there.
            Ok(unsafe { $crate::remote::Remote::of(table, words) })
        }
    };
    (with_heap $Table:ident $name:ident () -> $Nothing:ty) => {
        fn $name(heap: H, interrupts: I) -> Self {
            let table = <$Table as $crate::components::Provided>::table();
            let mut words = $crate::remote::Words::empty();
            let heap = $crate::components::heap(heap);
            let interrupts = $crate::instruments::interrupts(interrupts);
            sent!(
                (table.$name), (words.place()),
                (heap: $crate::components::RemoteHeap, interrupts: $crate::instruments::RemoteInterrupts) -> ()
            );
            // SAFETY: the table's function has put a value there.
            Self::of(unsafe { $crate::remote::Remote::of(table, words) })
        }
    };
    (lend_heap $Table:ident $name:ident () -> $Nothing:ty) => {
        fn $name<R>(&self, work: impl FnOnce(&mut H) -> R) -> R {
            let mut answer = None;
            let mut once = Some(work);
            let mut work = |heap: &mut H| answer = once.take().map(|work| work(heap));
            // SAFETY: the heap is the one that `new` sent.
            let work = unsafe { $crate::components::Work::new(&mut work) };
            sent!((self.table().$name), (self.place()), (work: $crate::components::Work) -> ());
            answer.expect("with() calls its work once")
        }
    };
    (fork $Table:ident $name:ident ($($arg:ident: $Arg:ty),*) -> $Error:ty) => {
        fn $name(&self, $($arg: $Arg),*) -> Result<Self, $Error> {
            let table = self.table();
            let mut words = $crate::remote::Words::empty();
            sent!((table.$name), (self.place(), words.place()), ($($arg: $Arg),*) -> Result<(), $Error>)?;
            // SAFETY: the table's function has put a value there.
            Ok(unsafe { $crate::remote::Remote::of(table, words) })
        }
    };
    (end $Table:ident $name:ident ($($arg:ident: $Arg:ty),*) -> $Nothing:ty) => {
        fn $name(self, $($arg: $Arg),*) {
            let mut ended = core::mem::ManuallyDrop::new(self);
            sent!((ended.table().$name), (ended.place_mut()), ($($arg: $Arg),*) -> ())
        }
    };
}
