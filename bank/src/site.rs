//! The two sites, put together from their resources. Routes are added through [`Routes`], which keeps their list: the tests ask
//! each route of it as each role, so no route is forgotten.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    handler::Handler,
    middleware,
    response::Response,
    routing::{MethodRouter, get, post},
};

use crate::{
    bank::Open,
    books::session::SessionKind,
    entry::{LONGEST_BODY, Side, guard},
    error::{Error, Refusal},
    proxy::Proxies,
};

/// Routes, and the list of them.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Open>,
    pub(crate) list: Vec<(&'static str, &'static str)>,
}

impl Routes {
    fn add(
        mut self,
        method: &'static str,
        path: &'static str,
        handler: MethodRouter<Open, Infallible>,
    ) -> Self {
        self.list.push((method, path));
        Self { router: self.router.route(path, handler), list: self.list }
    }

    pub(crate) fn get<H: Handler<T, Open>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add("GET", path, get(handler))
    }

    pub(crate) fn post<H: Handler<T, Open>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add("POST", path, post(handler))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        let list = [self.list, other.list].concat();
        Self { router: self.router.merge(other.router), list }
    }

    /// The whole site, behind the guard.
    pub(crate) fn site(self, bank: Open, kind: SessionKind, proxies: Arc<Proxies>) -> Router {
        self.behind(Side { bank, kind, proxies, has_pages: true })
    }

    /// Routes for programs alone. What shows the shield's certificate ends here, so that no proxy speaks for anybody.
    pub(crate) fn for_clients(self, bank: Open) -> Router {
        self.behind(Side { bank, kind: SessionKind::Customer, proxies: Arc::default(), has_pages: false })
    }

    fn behind(self, side: Side) -> Router {
        let bank = side.bank.clone();
        self.router
            .fallback(nowhere)
            .method_not_allowed_fallback(not_so)
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .layer(middleware::from_fn_with_state(side, guard))
            .with_state(bank)
    }
}

async fn nowhere(_: Request) -> Result<Response, Error> {
    Err(Refusal::NotFound.into())
}

async fn not_so(_: Request) -> Result<Response, Error> {
    Err(Refusal::WrongMethod.into())
}
