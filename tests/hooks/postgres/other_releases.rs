//! The releases of PostgreSQL that the machine does not have. By the name of this module `cargo xtask test` leaves these
//! tests out where npm cannot bring them.

use rstest::rstest;

use super::{
    a_lease_that_ends_stops, holds_it, holds_the_backup_while_others_write, recovery::comes_back,
    release::Release, server::Server, tls,
};

#[rstest]
#[ignore = "needs other releases of PostgreSQL, from npm"]
fn each_is_held_and_comes_back(#[values(13, 14, 16, 17, 18)] major: u32) {
    let release = Release::of_npm(major);
    holds_the_backup_while_others_write(&Server::primary_of(release));
    a_lease_that_ends_stops(&Server::primary_of(release), "connection-lost");
    let server = Server::primary_of(release);
    let _writer = server.write();
    comes_back(&server, &server, "live-copy");
}

#[rstest]
#[ignore = "needs other releases of PostgreSQL, from npm"]
fn the_oldest_and_the_newest_come_back_from_every_cut(
    #[values(13, 18)] major: u32,
    #[values("atomic", "group", "apart")] how: &'static str,
) {
    let server = Server::primary_of(Release::of_npm(major));
    let _writer = server.write();
    comes_back(&server, &server, how);
}

#[rstest]
#[ignore = "needs other releases of PostgreSQL, from npm"]
fn a_standby_of_the_oldest_and_the_newest_comes_back(
    #[values(13, 18)] major: u32,
    #[values("atomic", "live-copy")] how: &'static str,
) {
    let primary = Server::primary_of(Release::of_npm(major));
    let standby = primary.standby();
    let _writer = primary.write();
    comes_back(&primary, &standby, how);
}

#[rstest]
#[ignore = "needs other releases of PostgreSQL, from npm"]
fn the_oldest_and_the_newest_are_held_over_tls(#[values(13, 18)] major: u32) {
    let server = Server::primary_of(Release::of_npm(major));
    let stage = tls::Stage::with(server, "db.example", "TLSv1.3");
    holds_it(&stage.server, &tls::runtime(&stage.hook("full", "db.example")));
}
