//! Writes the first state of each picture, which is part of the page:
//! `cargo run --package pictures-live --features references`. With a picture's name, prints its
//! output for the choices on standard input: the sentence, the state, and the SVG.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        None => write_first_states()?,
        Some(name) => {
            let picture = pictures_live::find(&name).ok_or_else(|| format!("there is no picture `{name}`"))?;
            let shown = (picture.show)(&io::read_to_string(io::stdin())?);
            print!("{}\n{}\n{}", shown.says, shown.state, shown.svg);
        }
    }
    Ok(())
}

fn write_first_states() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pictures");
    for picture in pictures_live::PICTURES {
        let file = folder.join(format!("live-{}.svg", picture.name));
        fs::write(&file, (picture.show)("").svg)?;
        println!("{}", file.display());
    }
    Ok(())
}
