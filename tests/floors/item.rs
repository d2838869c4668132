//! Where the item ends that an attribute stands on.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Arm, Expr, Field, FieldValue, Item, Stmt, Token, Variant,
    parse::{Parse, ParseStream, Parser},
};

/// Reads one thing, and counts the tokens after it.
type Reading = fn(ParseStream) -> syn::Result<usize>;

/// The kinds of things that an attribute stands on. A kind that reads less than another kind stands after it.
const KINDS: &[Reading] = &[
    |input| whole(input, Item::parse),
    |input| whole(input, Stmt::parse),
    |input| whole(input, Arm::parse),
    |input| listed(input, Field::parse_named),
    |input| listed(input, Variant::parse),
    |input| listed(input, Field::parse_unnamed),
    |input| listed(input, FieldValue::parse),
    |input| listed(input, Expr::parse),
];

/// Passes over one item, statement, arm, field, variant or element, with its attributes.
pub fn pass_item(rest: &[TokenTree]) -> &[TokenTree] {
    let tokens: TokenStream = rest.iter().cloned().collect();
    let left = KINDS.iter().find_map(|kind| Parser::parse2(*kind, tokens.clone()).ok());
    // In a macro stands what is no syntax: there, and in a parameter, the next comma or body is the end.
    let left = left.unwrap_or_else(|| {
        let end = rest.iter().position(|token| match token {
            TokenTree::Group(body) => body.delimiter() == proc_macro2::Delimiter::Brace,
            TokenTree::Punct(mark) => matches!(mark.as_char(), ',' | ';'),
            _ => false,
        });
        end.map_or(0, |end| rest.len() - end - 1)
    });
    &rest[rest.len() - left..]
}

fn whole<T>(input: ParseStream, read: fn(ParseStream) -> syn::Result<T>) -> syn::Result<usize> {
    read(input)?;
    Ok(input.parse::<TokenStream>()?.into_iter().count())
}

/// What a comma or the end of the list follows.
fn listed<T>(input: ParseStream, read: fn(ParseStream) -> syn::Result<T>) -> syn::Result<usize> {
    read(input)?;
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(input.parse::<TokenStream>()?.into_iter().count())
}
