//! `ushield brand`.

use clap::{Args, Subcommand};
use machine::brand::{self, NamedBrand};
use serde_json::json;
use terminal::{Exit, Outcome, Paint, say, say_json, say_lines};
use wire::brand::{Brand as Make, Generation};

/// List the brands of tokens, or show one as a file to begin with
#[derive(Args)]
#[command(after_help = "Examples:
  ushield brand list
  ushield brand show indigo > mine.toml && ushield up --brand mine.toml --state mine")]
pub(crate) struct Brand {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// List the brands that are built in
    #[command(after_help = "Example:\n  ushield brand list --json")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a brand's file
    #[command(after_help = "Example:\n  ushield brand show indigo")]
    Show {
        /// One of `ushield brand list`, or a TOML file
        #[arg(value_name = "NAME|FILE")]
        brand: String,
        /// Print JSON: the whole profile, with what the file leaves out
        #[arg(long)]
        json: bool,
    },
}

impl Brand {
    pub(crate) fn run(self) -> Outcome {
        match self.deed {
            Deed::List { json: true } => {
                let brands: Vec<_> = brand::built_in()?.iter().map(whole).collect();
                say_json(&format!("{:#}", json!({ "brands": brands })));
            }
            Deed::List { json: false } => {
                let head = format!(
                    "{:<12} {:<10} {:<4} {:<6} {:<6} {:<8} {}",
                    "BRAND", "USB", "GEN", "PIN", "TRIES", "PAYMENT", "PRODUCT"
                );
                say(&Paint::stdout().bold(&head));
                for NamedBrand { name, brand, .. } in brand::built_in()? {
                    let (usb, generation, pin) = (usb(&brand), brand.generation.number(), pin(&brand));
                    let (tries, [product, _]) = (brand.pin_tries, &brand.product);
                    let algorithm = brand.algorithm.name();
                    say(&format!(
                        "{name:<12} {usb:<10} {generation:<4} {pin:<6} {tries:<6} {algorithm:<8} {product}"
                    ));
                }
            }
            Deed::Show { brand, json: true } => say_json(&format!("{:#}", whole(&brand::named(&brand)?))),
            Deed::Show { brand, json: false } => say_lines(brand::named(&brand)?.text.trim_end()),
        }
        Ok(Exit::Done)
    }
}

fn usb(brand: &Make) -> String {
    let (vendor, product) = brand.usb;
    format!("{vendor:04x}:{product:04x}")
}

fn pin(brand: &Make) -> String {
    let (least, most) = brand.pin_length;
    format!("{least}-{most}")
}

/// Everything, under the names of the file.
fn whole(NamedBrand { name, brand, .. }: &NamedBrand) -> serde_json::Value {
    let screen = match brand.generation {
        Generation::One => None,
        Generation::Two { columns, rows } => Some([columns, rows]),
    };
    json!({
        "name": name,
        "brand": brand.name,
        "usb": usb(brand),
        "release": brand.release,
        "manufacturer": brand.manufacturer,
        "product": brand.product,
        "historical_bytes": String::from_utf8_lossy(&brand.historical_bytes),
        "generation": brand.generation.number(),
        "screen": screen,
        "pin_length": [brand.pin_length.0, brand.pin_length.1],
        "pin_tries": brand.pin_tries,
        "puk_tries": brand.puk_tries,
        "prompt_timeout": brand.prompt_timeout / 1000,
        "algorithm": brand.algorithm.name(),
    })
}
