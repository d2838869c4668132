//! Brand files: what `--brand` names. A brand is a TOML file (docs/brands.md), built in or the user's. A key that the file
//! leaves out has the value of the default brand.

use std::path::Path;

use serde::Deserialize;
use terminal::{Context, Failure};
use wire::{
    algorithm::KeyAlgorithm,
    brand::{ALGORITHMS, Brand, Generation, OutOfBounds},
};

/// The default brand's name.
pub const STANDARD: &str = "standard";
/// The brands that are built in: name and file.
const BUILT_IN: [(&str, &str); 4] = [
    (STANDARD, include_str!("../brands/standard.toml")),
    ("indigo", include_str!("../brands/indigo.toml")),
    ("vermilion", include_str!("../brands/vermilion.toml")),
    ("jade", include_str!("../brands/jade.toml")),
];

/// A brand file. Its keys have the names of [`Brand`]'s fields, but for `brand`, `screen` and the unit of `prompt_timeout`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BrandFile {
    brand: Option<String>,
    /// idVendor and idProduct, each 4 hexadecimal digits: "163c:0407".
    usb: Option<String>,
    /// bcdDevice.
    release: Option<u16>,
    /// iManufacturer in en-US and zh-CN.
    manufacturer: Option<[String; 2]>,
    /// iProduct in en-US and zh-CN.
    product: Option<[String; 2]>,
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
    /// The algorithm of the payment key, by its name.
    algorithm: Option<String>,
}

/// A brand, and what the brand is called on command lines and in the names of its driver's files.
#[derive(Clone, Debug)]
pub struct NamedBrand {
    /// A built-in brand's name, or the file's name without its ending.
    pub name: String,
    /// How its tokens look and behave.
    pub brand: Brand,
    /// The text of the brand file.
    pub text: String,
}

/// The brand that `--brand` names: a built-in one, or a file.
///
/// # Errors
/// The file cannot be read, or says what no token may be.
pub fn named(brand: &str) -> Result<NamedBrand, Failure> {
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
///
/// # Errors
/// The text is no brand file, or says what no token may be.
pub fn of_text(name: String, text: String) -> Result<NamedBrand, Failure> {
    Ok(NamedBrand { brand: parse(&name, &text, None)?, name, text })
}

/// The built-in brands.
///
/// # Errors
/// As [`named`].
pub fn built_in() -> Result<Vec<NamedBrand>, Failure> {
    BUILT_IN.iter().map(|(name, _)| named(name)).collect()
}

/// The name of the built-in brand with these idVendor and idProduct.
pub fn of_usb(usb: (u16, u16)) -> Option<&'static str> {
    let built_in = BUILT_IN.iter().map(|(name, _)| *name);
    built_in.into_iter().find(|name| named(name).is_ok_and(|named| named.brand.usb == usb))
}

/// The brand that `--brand` names, of the generation that `--generation` says, or else of its own.
///
/// # Errors
/// As [`named`].
pub fn with_generation(brand: &str, generation: Option<u8>) -> Result<Brand, Failure> {
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

fn parse(brand: &str, text: &str, generation: Option<u8>) -> Result<Brand, Failure> {
    let file: BrandFile = toml::from_str(text).what(format!("the brand {brand} was not understood"))?;
    let generation = generation.or(file.generation);
    apply(file, generation).map_err(|why| {
        Failure::new(format!("the brand {brand} was refused")).because(why).next("correct the brand's file")
    })
}

/// The default brand, with what the file says instead.
fn apply(file: BrandFile, generation: Option<u8>) -> Result<Brand, String> {
    let usual = if generation == Some(1) { Brand::first_generation() } else { Brand::standard() };
    let generation = match (generation, file.screen) {
        (Some(1), _) => Generation::One,
        (None | Some(2), None) => Generation::TWO,
        (None | Some(2), Some([columns, rows])) => Generation::Two { columns, rows },
        (Some(other), _) => {
            return Err(format!("there is no generation {other}: 1 has no screen, 2 has one"));
        }
    };
    let seconds = |seconds: u64| seconds.checked_mul(1000).ok_or(OutOfBounds::PromptTimeout.to_string());
    let brand = Brand {
        name: file.brand.unwrap_or(usual.name),
        usb: file.usb.as_deref().map_or(Ok(usual.usb), usb)?,
        release: file.release.unwrap_or(usual.release),
        manufacturer: file.manufacturer.unwrap_or(usual.manufacturer),
        product: file.product.unwrap_or(usual.product),
        historical_bytes: file.historical_bytes.map_or(usual.historical_bytes, String::into_bytes),
        generation,
        pin_length: file.pin_length.map_or(usual.pin_length, |[least, most]| (least, most)),
        pin_tries: file.pin_tries.unwrap_or(usual.pin_tries),
        puk_tries: file.puk_tries.unwrap_or(usual.puk_tries),
        prompt_timeout: file.prompt_timeout.map_or(Ok(usual.prompt_timeout), seconds)?,
        algorithm: file.algorithm.as_deref().map_or(Ok(usual.algorithm), algorithm)?,
    };
    brand.check().map_err(|why| why.to_string())?;
    Ok(brand)
}

fn usb(text: &str) -> Result<(u16, u16), String> {
    let number = |digits: &str| u16::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 4);
    text.split_once(':')
        .and_then(|(vendor, product)| Some((number(vendor)?, number(product)?)))
        .ok_or_else(|| format!("usb is {text:?}: it should look like \"163c:0407\""))
}

fn algorithm(name: &str) -> Result<KeyAlgorithm, String> {
    KeyAlgorithm::by_name(name).ok_or_else(|| {
        let names = ALGORITHMS.map(|algorithm| format!("{:?}", algorithm.name())).join(" or ");
        format!("algorithm is {name:?}: it should be {names}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Brand, String> {
        let file: BrandFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let generation = file.generation;
        apply(file, generation)
    }

    #[test]
    fn what_a_brand_leaves_out_is_the_default() {
        assert_eq!(of("").unwrap(), Brand::standard());
        assert_eq!(of("generation = 1").unwrap(), Brand::first_generation());
        let long =
            of("brand = \"工行\"\nusb = \"a625:0801\"\npin_length = [6, 30]\nscreen = [16, 3]").unwrap();
        assert_eq!((long.name.as_str(), long.usb, long.pin_length), ("工行", (0xA625, 0x0801), (6, 30)));
        assert_eq!(long.generation, Generation::Two { columns: 16, rows: 3 });
    }

    /// The file that people edit says what [`Brand::standard`] says, key by key: none is left out.
    #[test]
    fn the_standard_file_says_the_one_value() {
        let file: BrandFile = toml::from_str(BUILT_IN[0].1).unwrap();
        let said = format!("{file:?}");
        assert!(!said.contains("None"), "{said}");
        assert_eq!(with_generation(STANDARD, None).unwrap(), Brand::standard());
        assert_eq!(with_generation(STANDARD, Some(1)).unwrap().generation, Generation::One);
    }

    #[test]
    fn the_built_in_brands_differ_in_what_makes_a_brand() {
        let brands = built_in().unwrap();
        let different = |what: &dyn Fn(&Brand) -> String| {
            let mut values: Vec<String> = brands.iter().map(|named| what(&named.brand)).collect();
            values.sort();
            values.dedup();
            values.len() == BUILT_IN.len()
        };
        assert!(different(&|brand| format!("{:?}", brand.usb)));
        assert!(different(&|brand| format!("{:?}", brand.historical_bytes)));
        assert!(different(&|brand| format!(
            "{:?} {} {} {:?}",
            brand.pin_length, brand.pin_tries, brand.puk_tries, brand.algorithm
        )));
        for language in [0, 1] {
            assert!(different(&|brand| brand.product[language].clone()));
            assert!(different(&|brand| brand.manufacturer[language].clone()));
        }
        let sm2 = brands.iter().filter(|named| named.brand.algorithm == KeyAlgorithm::Sm2);
        assert_eq!(sm2.map(|named| named.name.as_str()).collect::<Vec<_>>(), ["jade"]);
        // Our own libusb road looks for these only.
        assert!(brands.iter().all(|named| card::usb::KNOWN.contains(&named.brand.usb)));
    }

    #[test]
    fn a_brand_that_is_no_file_names_those_that_are_built_in() {
        let text = named("indogi").unwrap_err().to_string();
        assert!(text.contains("standard, indigo, vermilion, jade"), "{text}");
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
            "prompt_timeout = 0",
            "prompt_timeout = 3601",
            "prompt_timeout = 9223372036854775807",
            "brand = \"\"",
            "product = [\"\", \"x\"]",
            "algorithm = \"p384\"",
            "algorithm = \"SM2\"",
        ] {
            assert!(of(text).is_err(), "{text}");
        }
        let brand =
            |count| format!("brand = \"{}\"\nscreen = [80, 40]\nprompt_timeout = 1", "行".repeat(count));
        assert_eq!(of(&brand(80)).unwrap().prompt_timeout, 1000);
        assert!(of(&brand(81)).is_err());
    }
}
