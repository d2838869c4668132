//! The tokens of one source file: which modules it has, and which paths it names outside tests.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// A path as a source writes it: `["crate", "pin", "Verified"]`. A glob ends with `*`.
pub type Path = Vec<String>;

/// What one module says outside tests.
#[derive(Debug, Default)]
pub struct Source {
    /// The modules that it opens, in the order of their `mod` lines.
    pub children: Vec<Child>,
    /// What `use` brings in, by the name that it has here.
    pub names: BTreeMap<String, Path>,
    /// Every path of `use` lines, and every path of two names or more in code, macros and attributes.
    pub paths: BTreeSet<Path>,
}

/// A `mod` line.
#[derive(Debug)]
pub struct Child {
    pub name: String,
    /// The body of `mod name { … }`; without one the module has a file of its own.
    pub body: Option<TokenStream>,
    /// The module's file, from the folder of the file that the line stands in, if a `#[path]` names it.
    pub path: Option<String>,
}

/// Reads a file, or the body of an inline module.
pub fn read(tokens: TokenStream) -> Source {
    let mut source = Source::default();
    source.tokens(tokens);
    source
}

pub fn parse(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{error} in {text}"))
}

impl Source {
    /// Walks tokens, not syntax, because imports hide in macros too.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        let mut path = None;
        while let Some((first, after)) = rest.split_first() {
            path = named_file(rest).or(path);
            rest = match first {
                TokenTree::Punct(hash) if hash.as_char() == '#' => self.attribute(after),
                // What follows a leading `::`, or the `::` after a type, names nothing of this crate.
                TokenTree::Punct(_) => match colons(rest) {
                    Some(after) => pass_path(after),
                    None => after,
                },
                TokenTree::Ident(word) if word == "mod" => self.module(after, path.take()),
                TokenTree::Ident(word) if word == "use" => self.import(after),
                TokenTree::Ident(_) => self.path(rest),
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    after
                }
                TokenTree::Literal(_) => after,
            };
        }
    }

    /// After `mod`.
    fn module<'a>(&mut self, rest: &'a [TokenTree], path: Option<String>) -> &'a [TokenTree] {
        let [TokenTree::Ident(name), body, after @ ..] = rest else { return rest };
        let body = match body {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        };
        self.children.push(Child { name: plain(name), body, path });
        after
    }

    /// After `use`.
    fn import<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        // `impl Trait + use<'a>` captures, and imports nothing.
        if rest.first().is_some_and(|token| is(token, '<')) {
            return rest;
        }
        let end = rest.iter().position(|token| is(token, ';')).unwrap_or(rest.len());
        if colons(rest).is_none() {
            self.tree(&rest[..end], &[]);
        }
        &rest[end..]
    }

    /// One branch of a `use` line: `a::b`, `a::b as c`, `a::*`, `a::{…}`.
    fn tree(&mut self, tokens: &[TokenTree], before: &[String]) {
        match tokens {
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::Brace => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in inside.split(|token| is(token, ',')) {
                    self.tree(branch, before);
                }
            }
            [TokenTree::Ident(name)] if name == "self" && !before.is_empty() => self.name(before, None),
            [TokenTree::Ident(name)] => self.name(&[before, &[plain(name)]].concat(), None),
            [TokenTree::Ident(name), TokenTree::Ident(word), TokenTree::Ident(alias)] if word == "as" => {
                let whole = if name == "self" { before.to_vec() } else { [before, &[plain(name)]].concat() };
                self.name(&whole, Some(plain(alias)));
            }
            [TokenTree::Ident(name), after @ ..] => {
                if let Some(after) = colons(after) {
                    self.tree(after, &[before, &[plain(name)]].concat());
                }
            }
            [star] if is(star, '*') => {
                self.paths.insert([before, &["*".to_owned()]].concat());
            }
            _ => {}
        }
    }

    fn name(&mut self, path: &[String], alias: Option<String>) {
        let alias = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        self.names.insert(alias, path.to_vec());
        self.paths.insert(path.to_vec());
    }

    /// A path in code, from its first name on.
    fn path<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        let (mut names, mut rest) = (Path::new(), rest);
        while let [TokenTree::Ident(name), after @ ..] = rest {
            names.push(plain(name));
            rest = after;
            match colons(after) {
                Some(on @ [TokenTree::Ident(_), ..]) => rest = on,
                _ => break,
            }
        }
        if names.len() > 1 {
            self.paths.insert(names);
        }
        rest
    }

    /// After `#`: reads the attribute (macros take paths there), and passes over the item it stands on when that is test
    /// code.
    fn attribute<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        let rest = match rest {
            [mark, inner @ ..] if is(mark, '!') => inner,
            _ => rest,
        };
        let [TokenTree::Group(group), after @ ..] = rest else { return rest };
        let inside: Vec<TokenTree> = group.stream().into_iter().collect();
        match &inside[..] {
            [TokenTree::Ident(cfg), TokenTree::Group(condition)] if cfg == "cfg" => {
                if in_tests_only(condition.stream()) { pass_item(after) } else { after }
            }
            _ => {
                self.tokens(group.stream());
                after
            }
        }
    }
}

/// `r#type` is `type`.
fn plain(name: &proc_macro2::Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// What follows `::`, if `::` it is.
fn colons(rest: &[TokenTree]) -> Option<&[TokenTree]> {
    match rest {
        [TokenTree::Punct(first), second, after @ ..]
            if first.as_char() == ':' && first.spacing() == Spacing::Joint && is(second, ':') =>
        {
            Some(after)
        }
        _ => None,
    }
}

/// The file of `#[path = "file"]`.
fn named_file(rest: &[TokenTree]) -> Option<String> {
    let [hash, TokenTree::Group(group), ..] = rest else { return None };
    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
    match &inside[..] {
        [TokenTree::Ident(word), equals, TokenTree::Literal(file)]
            if is(hash, '#') && word == "path" && is(equals, '=') =>
        {
            Some(file.to_string().trim_matches('"').to_owned())
        }
        _ => None,
    }
}

/// Passes over `a::b::c`.
fn pass_path(mut rest: &[TokenTree]) -> &[TokenTree] {
    while let [TokenTree::Ident(_), after @ ..] = rest {
        match colons(after) {
            Some(on) => rest = on,
            None => return after,
        }
    }
    rest
}

/// Passes over one item, statement, field or variant.
fn pass_item(rest: &[TokenTree]) -> &[TokenTree] {
    let mut angles = 0;
    let mut before = None;
    for (at, token) in rest.iter().enumerate() {
        match token {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => return &rest[at + 1..],
            TokenTree::Punct(mark) => match (before, mark.as_char()) {
                (_, ';') => return &rest[at + 1..],
                (_, ',') if angles == 0 => return &rest[at + 1..],
                (_, '<') => angles += 1,
                // `->` and `=>` close nothing.
                (Some('-' | '='), '>') => {}
                (_, '>') => angles -= 1,
                _ => {}
            },
            _ => {}
        }
        before = match token {
            TokenTree::Punct(mark) => Some(mark.as_char()),
            _ => None,
        };
    }
    &[]
}

/// Whether the condition of a `cfg` holds in tests only: `test`, `all(test, …)`, `any(test)`; not `any(test, unix)`.
fn in_tests_only(condition: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = condition.into_iter().collect();
    match &tokens[..] {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(list)] => {
            let list: Vec<TokenTree> = list.stream().into_iter().collect();
            let mut parts = list
                .split(|token| is(token, ','))
                .filter(|part| !part.is_empty())
                .map(|part| in_tests_only(part.iter().cloned().collect()));
            match &*word.to_string() {
                "all" => parts.any(|part| part),
                "any" => parts.all(|part| part),
                _ => false,
            }
        }
        _ => false,
    }
}
