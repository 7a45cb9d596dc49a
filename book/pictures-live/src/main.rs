//! Writes the first state of each picture, which is what stands in the page:
//! `cargo run --package pictures-live --features references`.
#![forbid(unsafe_code)]

fn main() -> std::io::Result<()> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../pictures");
    for picture in pictures_live::PICTURES {
        let file = folder.join(format!("live-{}.svg", picture.name));
        std::fs::write(&file, (picture.show)("").svg)?;
        println!("{}", file.display());
    }
    Ok(())
}
