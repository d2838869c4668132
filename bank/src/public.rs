//! The customers' site: a file for each resource.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod shield;
mod id;
mod order;
mod checkout;
mod merchant;
mod write;
mod card;
mod method;
mod account;
mod session;
mod password;
mod register;
mod home;
mod set_up;
mod description;
mod asset;

use crate::site::Routes;

/// All routes of the customers' site.
pub(crate) fn routes() -> Routes {
    let routes = [
        home::routes(),
        set_up::routes(),
        register::routes(),
        session::routes(),
        password::routes(),
        account::routes(),
        method::routes(),
        card::routes(),
        write::routes(),
        order::routes(),
        checkout::routes(),
        merchant::routes(),
        shield::routes(),
        id::routes(),
        description::routes(),
        asset::routes(),
    ];
    routes.into_iter().fold(Routes::default(), Routes::and)
}

/// What both sites serve: the style.
pub(crate) fn assets() -> Routes {
    asset::routes()
}
