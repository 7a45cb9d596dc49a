//! Checks of pages that are mapped.

use crate::check::{Context, Outcome};
use crate::ensure;
use mm_api::layout::{KERNEL_BASE, KERNEL_STACKS_END, KERNEL_VIRTUAL_START, SELF_MAP_START, TEMPORARY_START};
use mm_api::{Page, PhysAddr, Protection, Space, Translation, VirtAddr, VmmError};

use super::subject::{KR, KW, Shown, Subject, UR, UW, Word, any_frames, booted, ensure_answer, page, range};

/// A word that is written through a page is in its frame, whichever page it is.
pub fn map_reaches_frame(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let places = [
            (0x0000_1000, UW),
            (0x0804_8000, UW),
            (0x003F_F000, KW),
            (0x0040_0000, UW),
            (0xBFFF_F000, UW),
            (0xF000_0000, KW),
            (0xF3C5_7000, KW),
            (0xFF7F_F000, KW),
            (subject.user_page(0).start().as_u32(), UW),
            (subject.user_page(1).start().as_u32(), KW),
            (subject.kernel_page(0).start().as_u32(), KW),
        ];
        for (number, (address, protection)) in (0x5150_0000..).zip(places) {
            let page = page(address);
            subject.ensure_faults(page, "before it is mapped")?;
            let frame = subject.map_new(Space::Current, page, protection)?;
            subject.ensure_mapped(Space::Current, page, frame, protection)?;
            let last = VirtAddr::new(address + 0xFFC);
            subject.write(last, number)?;
            let saw = subject.machine.word(PhysAddr::new(frame.start().as_u32() + 0xFFC));
            ensure!(
                saw == Some(number),
                expected: ("{number:#x}, written to {last}, to be in {frame}"),
                saw: ("{} there", Word(saw))
            );
        }
        // One frame in several places.
        let shared = subject.frame()?;
        for number in 0..5 {
            subject.map(Space::Current, page(0x2000_0000 + number * 0x40_3000), shared, UW)?;
        }
        subject.write(VirtAddr::new(0x2000_0000), 0xCAFE)?;
        subject.ensure_reads(VirtAddr::new(0x2000_0000 + 4 * 0x40_3000), 0xCAFE, "where the same frame is mapped")?;
        // Any frame number, memory or not: only the tables are read.
        for (frame, offset) in any_frames().zip((0..).step_by(0x1000)) {
            for (place, protection) in [(page(0x1800_0000 + offset), UW), (page(0xF111_1000 + offset), KR)] {
                subject.map(Space::Current, place, frame, protection)?;
                subject.ensure_mapped(Space::Current, place, frame, protection)?;
                ensure_translates(subject, Space::Current, place.start())?;
            }
        }
        Ok(())
    })
}

/// `translate` agrees with the tables, for each part of the address space.
pub fn translate_truth(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let directory = subject.directory()?;
        subject.map_new(Space::Current, page(0x0804_8000), UR)?;
        subject.map_new(Space::Current, page(0x0804_9000), KW)?;
        subject.map_new(Space::Of(&directory), page(0x0804_8000), UW)?;
        subject.map_new(Space::Current, page(0xF012_3000), KR)?;
        let kernel = subject.allocate(2)?;
        let mappings = subject.machine.mappings();
        let code = mappings.iter().find(|mapping| !mapping.writable);
        let code = code.map_or(0, |mapping| mapping.pages.first().start().as_u32());
        let last = mappings.last().map_or(1, |mapping| mapping.pages.end());
        let last = Page::new(last - 1).map_or(0, |page| page.start().as_u32());
        let fixed = [
            0,
            0x0000_1000,
            0x0804_8123,
            0x0804_9FFF,
            0x0804_A000,
            0x4000_0000,
            0xBFFF_FFFF,
            0xC000_0000,
            0xC00B_8000,
            code,
            code + 0x1004,
            last,
            last + 0xFFF,
            0xF012_3456,
            0xF012_4000,
            kernel.first().start().as_u32() + 0x1010,
        ];
        // And random addresses, up to the temporary mappings, which come and go.
        let addresses: [u32; 24] = core::array::from_fn(|index| match fixed.get(index) {
            Some(address) => *address,
            None => subject.context.rng().below(TEMPORARY_START.as_u32()),
        });
        // Once more after a protection has changed.
        for round in 0..2 {
            for address in addresses.map(VirtAddr::new) {
                for space in [Space::Current, Space::Kernel, Space::Of(&directory)] {
                    ensure_translates(subject, space, address)?;
                }
                subject.claim(address);
            }
            if round == 0 {
                subject.context.checkpoint("in the kernel's space");
                subject.protect(Space::Kernel, page(0x0804_8000), UW)?;
                subject.protect(Space::Kernel, page(0xF012_3000), KW)?;
            }
        }
        subject.context.checkpoint("after protect() in the kernel's space");
        subject.load(Space::Of(&directory))?;
        addresses.into_iter().for_each(|address| subject.claim(VirtAddr::new(address)));
        subject.context.checkpoint("in another space");
        subject.vmm.destroy_directory(directory);
        Ok(())
    })
}

/// Fails unless `translate` and a walk of the tables agree about `address`.
fn ensure_translates(subject: &Subject<'_>, space: Space<'_>, address: VirtAddr) -> Outcome {
    let (truth, saw) = (subject.truth(space, address), subject.vmm.translate(space, address));
    ensure!(
        saw == truth,
        expected: ("translate() to say about {address} what the tables say: {}", Shown(truth)),
        saw: ("{}", Shown(saw))
    );
    Ok(())
}

/// The first page in 4 MiB brings a table, cleared; the next ones bring none.
pub fn table_on_demand(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let any = 0x9000_0000 + subject.context.rng().below(64) * 0x0040_0000;
        for base in [0x0800_0000, 0x0040_0000, 0xBFC0_0000, any] {
            let before = subject.machine.managers_frames();
            for (count, offset) in [(1, 0x5_5000), (1, 0), (1, 0x3F_F000)] {
                subject.map_new(Space::Current, page(base + offset), UW)?;
                let saw = subject.machine.managers_frames() - before;
                ensure!(
                    saw == count,
                    expected: ("{count} frame taken for tables once {} is mapped", page(base + offset)),
                    saw: ("{saw}")
                );
            }
            for other in range(base, 1024).iter() {
                if ![0x5_5000, 0, 0x3F_F000].contains(&(other.start().as_u32() - base)) {
                    subject.ensure_not_mapped(Space::Current, other, "its table being new")?;
                }
            }
            subject.ensure_faults(page(base + 0x5_6000), "its neighbour only being mapped")?;
        }
        Ok(())
    })
}

/// The kernel and ring 3 can do with each page exactly what its protection allows, whatever
/// the protections of the pages beside it are.
pub fn rights_both_levels(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        subject.prepare_ring_3(Space::Current)?;
        let orders: [[Protection; 4]; 4] = [[KR, KW, UR, UW], [UW, UR, KW, KR], [UR, KW, UW, KR], [KW, UW, KR, UR]];
        for (order, base) in orders.into_iter().zip((0x1000_0000..).step_by(0x40_0000)) {
            let pages = || range(base, 4).iter().zip(order);
            for (page, protection) in pages() {
                let frame = subject.map_new(Space::Current, page, protection)?;
                subject.ensure_mapped(Space::Current, page, frame, protection)?;
            }
            for (page, protection) in pages() {
                subject.ensure_rights(page, protection, "among pages with other protections")?;
            }
        }
        // In the same table, one after the other.
        let first = subject.user_page(0);
        for page in range(first.start().as_u32(), 6).iter() {
            let protection = subject.protection();
            subject.map_new(Space::Current, page, protection)?;
            subject.ensure_rights(page, protection, "beside pages with any protection")?;
        }
        for (page, protection) in range(0xF010_0000, 2).iter().zip([KR, KW]) {
            subject.map_new(Space::Current, page, protection)?;
            subject.ensure_rights(page, protection, "in the kernel half")?;
        }
        for (order, base) in orders.into_iter().zip((0x1000_0000..).step_by(0x40_0000)) {
            for (page, protection) in range(base, 4).iter().zip(order) {
                let found = subject.vmm.translate(Space::Current, page.start());
                let meaning = found.map(|found| Translation { protection, ..found });
                subject.context.claim(page.start(), meaning);
            }
        }
        subject.context.checkpoint("with pages of all protections side by side");
        Ok(())
    })
}

/// Mapping a page that is already mapped is `AlreadyMapped`, and changes nothing.
pub fn map_twice(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let other = subject.frame()?;
        let (user, kernel) = (subject.user_page(0), subject.kernel_page(0));
        for (place, protection) in [(page(0x0804_8000), UR), (page(0xF000_5000), KW), (user, UW), (kernel, KR)] {
            let frame = subject.map_new(Space::Current, place, protection)?;
            for (again, rights) in [(other, KW), (other, protection), (frame, protection)] {
                let before = subject.state_of(&[Space::Kernel]);
                let answer = subject.vmm.map(Space::Current, place, again, rights);
                ensure_answer(
                    answer,
                    Err(VmmError::AlreadyMapped),
                    format_args!("map() of {place}, which is mapped,"),
                )?;
                subject.ensure_unchanged(&[Space::Kernel], &before, format_args!("map() of a page that is mapped"))?;
            }
            subject.ensure_mapped(Space::Current, place, frame, protection)?;
        }
        // Even without a free frame, the answer is that the page is mapped.
        subject.machine.allow_frames(Some(0));
        let answer = subject.vmm.map(Space::Current, page(0x0804_8000), other, UR);
        ensure_answer(answer, Err(VmmError::AlreadyMapped), format_args!("map() of a mapped page, with no frame left,"))
    })
}

/// Page 0, reserved pages and user rights in the kernel half are refused.
pub fn bad_pages(context: &mut Context) -> Outcome {
    booted(context, |subject| {
        let frame = subject.frame()?;
        let before = subject.state_of(&[Space::Kernel]);
        let answer = subject.vmm.map(Space::Current, Page::NULL, frame, UW);
        ensure_answer(answer, Err(VmmError::NullPage), format_args!("map() of page 0"))?;
        let reserved = [
            KERNEL_BASE,
            VirtAddr::new(0xC010_0000),
            VirtAddr::new(0xEFFF_F000),
            TEMPORARY_START,
            VirtAddr::new(0xFFBF_F000),
            SELF_MAP_START,
            VirtAddr::new(0xFFFF_F000),
        ];
        let any = [
            KERNEL_BASE + subject.context.rng().below(KERNEL_VIRTUAL_START.as_u32() - KERNEL_BASE.as_u32()),
            SELF_MAP_START + subject.context.rng().below(0x0040_0000),
        ];
        for page in reserved.into_iter().chain(any).map(Page::containing) {
            let refused = Err(VmmError::Reserved);
            // With user rights two errors are true, and this one is listed first.
            for protection in [KW, UR] {
                let answer = subject.vmm.map(Space::Current, page, frame, protection);
                ensure_answer(answer, refused, format_args!("map() of {page} with {protection}"))?;
                let answer = subject.vmm.protect(Space::Current, page, protection);
                ensure_answer(answer, refused, format_args!("protect() of {page} with {protection}"))?;
            }
            let answer = subject.vmm.unmap(Space::Current, page);
            ensure_answer(answer, Err(VmmError::Reserved), format_args!("unmap() of {page}"))?;
        }
        let last = KERNEL_STACKS_END - 1;
        let any = subject.kernel_page(0).start();
        for page in [KERNEL_VIRTUAL_START, VirtAddr::new(0xF7FF_F000), last, any].map(Page::containing) {
            for protection in [UR, UW] {
                let refused = Err(VmmError::UserInKernelHalf);
                let answer = subject.vmm.map(Space::Current, page, frame, protection);
                ensure_answer(answer, refused, format_args!("map() of {page} with {protection}"))?;
                let answer = subject.vmm.protect(Space::Current, page, protection);
                ensure_answer(answer, refused, format_args!("protect() of {page} with {protection}"))?;
            }
        }
        subject.ensure_unchanged(&[Space::Kernel], &before, format_args!("a call that is refused"))?;

        // The first and the last pages that can be mapped.
        for place in [0x1000, 0xBFFF_F000, KERNEL_VIRTUAL_START.as_u32(), last.as_u32()].map(page) {
            subject.map(Space::Current, place, frame, KR)?;
        }
        // Where one of them is mapped already, rights for users are refused first.
        for place in [KERNEL_VIRTUAL_START.as_u32(), last.as_u32()].map(page) {
            let answer = subject.vmm.map(Space::Current, place, frame, UR);
            let call = format_args!("map() of {place}, which is mapped, with {UR}");
            ensure_answer(answer, Err(VmmError::UserInKernelHalf), call)?;
        }
        Ok(())
    })
}
