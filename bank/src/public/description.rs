//! The description of what programs may ask for, as OpenAPI 3.1: the customers' programs, and the merchants'.

use crate::site::Routes;

pub(super) fn routes() -> Routes {
    Routes::default().get("/openapi.json", document)
}

async fn document() -> ([(&'static str, &'static str); 1], &'static str) {
    ([("content-type", "application/json")], include_str!("../../assets/openapi-public.json"))
}
