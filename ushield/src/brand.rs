//! Brands: what `--brand` and `--generation` mean. A brand is a TOML file (docs/brands.md), built in or the user's; what it
//! leaves out is the default brand's.

use std::{ops::RangeInclusive, path::Path};

use firmware::profile::{Generation, Profile};
use serde::Deserialize;

use crate::failure::{Context, Failure};

/// The default brand's name.
pub(crate) const STANDARD: &str = "standard";
/// The brands that are built in: name and file.
pub(crate) const BUILT_IN: [(&str, &str); 3] = [
    (STANDARD, include_str!("../brands/standard.toml")),
    ("indigo", include_str!("../brands/indigo.toml")),
    ("vermilion", include_str!("../brands/vermilion.toml")),
];
/// UTF-16 units of the longest string descriptor.
const MOST_UNITS: usize = 126;
/// Characters of the longest brand name: one line of the widest screen.
const MOST_NAME: usize = 80;
/// Cells a line, and lines a page, of the screens there are.
const COLUMNS: RangeInclusive<usize> = 16..=80;
const ROWS: RangeInclusive<usize> = 3..=40;
/// Seconds that a prompt may wait: long enough to see it, and no longer than the longest wait for a screen.
const TIMEOUT: RangeInclusive<u64> = 1..=3600;

/// A brand file. Names are `firmware::profile::Profile`'s.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Brand {
    brand: Option<String>,
    /// idVendor and idProduct, each 4 hexadecimal digits: "163c:0407".
    usb: Option<String>,
    /// bcdDevice.
    release: Option<u16>,
    /// iManufacturer in en-US and zh-CN.
    manufacturer: Option<[String; 2]>,
    /// iProduct in en-US and zh-CN.
    product: Option<[String; 2]>,
    /// At most 15 ASCII characters.
    historical_bytes: Option<String>,
    generation: Option<u8>,
    /// Cells a line and lines a page, of the second generation.
    screen: Option<[usize; 2]>,
    /// Shortest and longest.
    pin_length: Option<[u8; 2]>,
    pin_tries: Option<u8>,
    puk_tries: Option<u8>,
    /// Seconds.
    prompt_timeout: Option<u64>,
}

/// A brand, and what it is called on command lines and in the names of its driver's files.
pub(crate) struct Named {
    /// A built-in brand's name, or that of the file without its ending.
    pub(crate) name: String,
    pub(crate) profile: Profile,
    /// The brand file.
    pub(crate) text: String,
}

/// The brand that `--brand` names: a built-in one, or a file.
pub(crate) fn named(brand: &str) -> Result<Named, Failure> {
    let (name, text) = match BUILT_IN.iter().find(|(name, _)| *name == brand) {
        Some((name, text)) => ((*name).to_owned(), (*text).to_owned()),
        None => {
            let stem = Path::new(brand).file_stem().unwrap_or_default();
            (stem.to_string_lossy().into_owned(), read(Path::new(brand))?)
        }
    };
    of_text(name, text)
}

/// The brand of this name, from the text of its file.
pub(crate) fn of_text(name: String, text: String) -> Result<Named, Failure> {
    Ok(Named { profile: parse(&name, &text, None)?, name, text })
}

/// The built-in brands, each with its profile.
pub(crate) fn built_in() -> Result<Vec<Named>, Failure> {
    BUILT_IN.iter().map(|(name, _)| named(name)).collect()
}

/// The built-in brand with these idVendor and idProduct.
pub(crate) fn of_usb(usb: (u16, u16)) -> Option<&'static str> {
    let built_in = BUILT_IN.iter().map(|(name, _)| *name);
    built_in.into_iter().find(|name| named(name).is_ok_and(|brand| brand.profile.usb == usb))
}

/// The profile of a brand, of its own generation or another.
pub(crate) fn profile(brand: &str, generation: Option<u8>) -> Result<Profile, Failure> {
    parse(brand, &named(brand)?.text, generation)
}

fn read(path: &Path) -> Result<String, Failure> {
    let read = file::read(path).map_err(|error| error.to_string());
    read.and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string())).map_err(|error| {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        Failure::new(format!("the brand {} could not be read", path.display()))
            .because(error)
            .next(format!("name a TOML file, or one that is built in: {}", names.join(", ")))
    })
}

fn parse(brand: &str, text: &str, generation: Option<u8>) -> Result<Profile, Failure> {
    let read: Brand = toml::from_str(text).what(format!("the brand {brand} was not understood"))?;
    let generation = generation.or(read.generation);
    apply(read, generation).map_err(|why| {
        Failure::new(format!("the brand {brand} was refused")).because(why).next("correct the brand's file")
    })
}

fn apply(brand: Brand, generation: Option<u8>) -> Result<Profile, String> {
    let usual = if generation == Some(1) { Profile::first_generation() } else { Profile::standard() };
    let screen = brand.screen.unwrap_or([20, 6]);
    let generation = match generation {
        Some(1) => Generation::One,
        None | Some(2) if COLUMNS.contains(&screen[0]) && ROWS.contains(&screen[1]) => {
            Generation::Two { columns: screen[0], rows: screen[1] }
        }
        None | Some(2) => return Err("a screen has 16 to 80 columns and 3 to 40 rows".into()),
        Some(other) => return Err(format!("there is no generation {other}: 1 has no screen, 2 has one")),
    };
    let pin_length = brand.pin_length.map_or(usual.pin_length, |[least, most]| (least, most));
    // GM/T 0027: 6 characters at least; the applet's VERIFY takes 30 at most.
    if !(6 <= pin_length.0 && pin_length.0 <= pin_length.1 && pin_length.1 <= 30) {
        return Err("pin_length is not within 6 to 30".into());
    }
    let tries = |tries: Option<u8>, usual: u8| match tries.unwrap_or(usual) {
        tries @ 1..=10 => Ok(tries),
        other => Err(format!("{other} tries: 1 to 10 are allowed")),
    };
    let name = brand.brand.unwrap_or(usual.brand);
    if name.trim().is_empty() || name.chars().count() > MOST_NAME {
        return Err(format!("brand: 1 to {MOST_NAME} characters"));
    }
    let prompt_timeout = match brand.prompt_timeout {
        None => usual.prompt_timeout,
        Some(seconds) if TIMEOUT.contains(&seconds) => seconds * 1000,
        Some(_) => return Err("prompt_timeout: 1 to 3600 seconds".into()),
    };
    Ok(Profile {
        brand: name,
        usb: brand.usb.as_deref().map_or(Ok(usual.usb), usb)?,
        release: brand.release.unwrap_or(usual.release),
        manufacturer: strings("manufacturer", brand.manufacturer.unwrap_or(usual.manufacturer))?,
        product: strings("product", brand.product.unwrap_or(usual.product))?,
        historical_bytes: brand.historical_bytes.map_or(Ok(usual.historical_bytes), historical_bytes)?,
        generation,
        pin_length,
        pin_tries: tries(brand.pin_tries, usual.pin_tries)?,
        puk_tries: tries(brand.puk_tries, usual.puk_tries)?,
        prompt_timeout,
        stretch: usual.stretch,
    })
}

fn usb(text: &str) -> Result<(u16, u16), String> {
    let number = |digits: &str| u16::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 4);
    text.split_once(':')
        .and_then(|(vendor, product)| Some((number(vendor)?, number(product)?)))
        .ok_or_else(|| format!("usb is {text:?}: it should look like \"163c:0407\""))
}

/// Both languages of a string descriptor, whose length is one byte: 2 bytes of header, 2 for a unit (USB 2.0, 9.6.7).
fn strings(name: &str, texts: [String; 2]) -> Result<[String; 2], String> {
    if texts.iter().all(|text| (1..=MOST_UNITS).contains(&text.encode_utf16().count())) {
        Ok(texts)
    } else {
        Err(format!("{name}: 1 to {MOST_UNITS} UTF-16 units in each language"))
    }
}

fn historical_bytes(text: String) -> Result<Vec<u8>, String> {
    if text.is_ascii() && text.len() <= 15 {
        Ok(text.into_bytes())
    } else {
        Err("historical_bytes: 15 ASCII characters at most".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Profile, String> {
        let brand: Brand = toml::from_str(text).map_err(|error| error.to_string())?;
        let generation = brand.generation;
        apply(brand, generation)
    }

    #[test]
    fn what_a_brand_leaves_out_is_the_default() {
        assert_eq!(of("").unwrap(), Profile::standard());
        assert_eq!(of("generation = 1").unwrap(), Profile::first_generation());
        let long =
            of("brand = \"工行\"\nusb = \"a625:0801\"\npin_length = [6, 30]\nscreen = [16, 3]").unwrap();
        assert_eq!((long.brand.as_str(), long.usb, long.pin_length), ("工行", (0xA625, 0x0801), (6, 30)));
        assert_eq!(long.generation, Generation::Two { columns: 16, rows: 3 });
    }

    #[test]
    fn the_built_in_brands_differ_in_what_makes_a_brand() {
        assert_eq!(profile(STANDARD, None).unwrap(), Profile::standard());
        assert_eq!(profile(STANDARD, Some(1)).unwrap().generation, Generation::One);
        let brands = built_in().unwrap();
        let different = |what: &dyn Fn(&Profile) -> String| {
            let mut values: Vec<String> = brands.iter().map(|brand| what(&brand.profile)).collect();
            values.sort();
            values.dedup();
            values.len() == BUILT_IN.len()
        };
        assert!(different(&|brand| format!("{:?}", brand.usb)));
        assert!(different(&|brand| format!("{:?}", brand.historical_bytes)));
        assert!(different(&|brand| format!(
            "{:?} {} {}",
            brand.pin_length, brand.pin_tries, brand.puk_tries
        )));
        for language in [0, 1] {
            assert!(different(&|brand| brand.product[language].clone()));
            assert!(different(&|brand| brand.manufacturer[language].clone()));
        }
        // Our own libusb road looks for these only.
        assert!(brands.iter().all(|brand| card::usb::KNOWN.contains(&brand.profile.usb)));
    }

    #[test]
    fn a_brand_that_is_no_file_names_those_that_are_built_in() {
        let text = profile("indogi", None).unwrap_err().to_string();
        assert!(text.contains("standard, indigo, vermilion"), "{text}");
    }

    #[test]
    fn what_no_token_may_have_is_refused() {
        for text in [
            "colour = 1",
            "usb = \"1:2\"",
            "generation = 3",
            "pin_length = [4, 8]",
            "pin_tries = 11",
            "screen = [8, 2]",
            "screen = [81, 6]",
            "screen = [20, 41]",
            "prompt_timeout = 0",
            "prompt_timeout = 3601",
            "brand = \"\"",
            "product = [\"\", \"x\"]",
        ] {
            assert!(of(text).is_err(), "{text}");
        }
        // Each at its bound, and one over; a character outside the basic plane is two units.
        for (name, most, letter) in [("manufacturer", 126, "盾"), ("product", 63, "\u{1F6E1}")] {
            let text = |count| format!("{name} = [\"x\", \"{}\"]", letter.repeat(count));
            assert!(of(&text(most)).is_ok(), "{name}");
            assert!(of(&text(most + 1)).is_err(), "{name}");
        }
        let brand =
            |count| format!("brand = \"{}\"\nscreen = [80, 40]\nprompt_timeout = 1", "行".repeat(count));
        assert_eq!(of(&brand(80)).unwrap().prompt_timeout, 1000);
        assert!(of(&brand(81)).is_err());
    }
}
