//! The HTTP API of Skynet.
//!
//! [`Server`] serves the routes of [`table`] over the ports of a family of backends. The edge
//! around all routes gives each request its thread key, knows its caller, holds it to the limits
//! and makes every refusal a [`problem::Problem`].

mod accounts;
mod address;
pub mod answer;
mod body;
pub mod caller;
mod cors;
mod edge;
mod failure;
mod head;
mod health;
mod leads;
pub mod limits;
mod operating;
mod paging;
pub mod params;
mod path_id;
pub mod problem;
mod problem_kind;
mod program;
mod rate;
mod resting;
mod routes;
mod server;
mod services;
mod session;
mod settings;
pub mod thread;

pub use self::program::program;
pub use self::routes::{RouteLine, routes, table};
pub use self::server::{BindError, Running, Server, url_of};
pub use self::services::Services;
pub use self::settings::{CorsOrigins, Settings, Times, Watermarks};
