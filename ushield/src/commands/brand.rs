//! `ushield brand`.

use clap::{Args, Subcommand};
use firmware::profile::{Generation, Profile};
use serde_json::json;

use crate::{
    brand::{self, Named},
    failure::{Exit, Outcome},
    terminal::{Paint, say, say_json, say_lines},
};

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
                    "{:<12} {:<10} {:<4} {:<6} {:<6} {}",
                    "BRAND", "USB", "GEN", "PIN", "TRIES", "PRODUCT"
                );
                say(&Paint::stdout().bold(&head));
                for Named { name, profile, .. } in brand::built_in()? {
                    let (usb, generation, pin) = (usb(&profile), generation(&profile), pin(&profile));
                    let (tries, [product, _]) = (profile.pin_tries, &profile.product);
                    say(&format!("{name:<12} {usb:<10} {generation:<4} {pin:<6} {tries:<6} {product}"));
                }
            }
            Deed::Show { brand, json: true } => say_json(&format!("{:#}", whole(&brand::named(&brand)?))),
            Deed::Show { brand, json: false } => say_lines(brand::named(&brand)?.text.trim_end()),
        }
        Ok(Exit::Done)
    }
}

fn usb(profile: &Profile) -> String {
    let (vendor, product) = profile.usb;
    format!("{vendor:04x}:{product:04x}")
}

const fn generation(profile: &Profile) -> u8 {
    match profile.generation {
        Generation::One => 1,
        Generation::Two { .. } => 2,
    }
}

fn pin(profile: &Profile) -> String {
    let (least, most) = profile.pin_length;
    format!("{least}-{most}")
}

/// Everything, under the names of the file.
fn whole(Named { name, profile, .. }: &Named) -> serde_json::Value {
    let screen = match profile.generation {
        Generation::One => None,
        Generation::Two { columns, rows } => Some([columns, rows]),
    };
    json!({
        "name": name,
        "brand": profile.brand,
        "usb": usb(profile),
        "release": profile.release,
        "manufacturer": profile.manufacturer,
        "product": profile.product,
        "historical_bytes": String::from_utf8_lossy(&profile.historical_bytes),
        "generation": generation(profile),
        "screen": screen,
        "pin_length": [profile.pin_length.0, profile.pin_length.1],
        "pin_tries": profile.pin_tries,
        "puk_tries": profile.puk_tries,
        "prompt_timeout": profile.prompt_timeout / 1000,
    })
}
