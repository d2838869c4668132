//! Who may do what in a PostgreSQL: the role that owns the tables migrates, and the role that serves can neither change the ledger and the
//! audit nor take anything from them (`docs/decisions/0067-one-clock-two-roles.md`).

use sqlx::AssertSqlSafe;

use super::{Connection, Database, Kind};
use crate::error::{Error, Result};

/// What the serving role may do, a line for each table.
pub(crate) const GRANTS: &str = include_str!("../../migrations/postgres/serving.sql");

const SCHEMA: &str = "SELECT CAST(current_schema() AS TEXT)";
/// Whether the role owns the tables, or can become their owner. A superuser can become everybody.
const IS_OWNER: &str = "SELECT CAST(CAST(pg_has_role($1, tableowner, 'MEMBER') AS INT) AS BIGINT) FROM pg_tables WHERE schemaname = \
                        current_schema() AND tablename = 'posting'";
const EXISTS: &str = "SELECT COUNT(*) FROM pg_roles WHERE rolname = $1";
/// Whoever may post serves.
const SERVING: &str = "SELECT DISTINCT CAST(grantee AS TEXT) FROM information_schema.role_table_grants WHERE table_schema = \
                       current_schema() AND table_name = 'posting' AND privilege_type = 'INSERT' AND CAST(grantee AS TEXT) NOT IN ('PUBLIC', (SELECT \
                       CAST(tableowner AS TEXT) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'posting'))";
/// The tables that a role may change, and by whose rights: everybody's, those of each role that it is a member of, whether it has them at once or by SET
/// ROLE, and its own.
const REWRITERS: &str = "SELECT CAST(c.relname AS TEXT), CAST(r.name AS TEXT) FROM pg_class c, (SELECT 'public' AS name, 0 AS place UNION ALL \
                         SELECT CAST(rolname AS TEXT), CASE WHEN rolname = $1 THEN 2 ELSE 1 END FROM pg_roles WHERE pg_has_role($1, oid, 'MEMBER')) r \
                         WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind IN ('r', 'p') AND \
                         (has_table_privilege(r.name, c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER') OR has_any_column_privilege(r.name, c.oid, 'UPDATE')) \
                         ORDER BY r.place, r.name, c.relname";
const WHO: &str = "SELECT CAST(current_user AS TEXT)";
const IS_REPLICA: &str = "SELECT CAST(CAST(pg_is_in_recovery() AS INT) AS BIGINT)";

/// The tables whose rows are written once, and never changed or removed.
fn is_written_once(table: &str) -> bool {
    let names = GRANTS.lines().filter_map(|line| line.strip_prefix("GRANT SELECT, INSERT ON "));
    names.filter_map(|line| line.split_whitespace().next()).any(|name| name == table)
}

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Database {
    /// Lets a role serve, and takes from it whatever else it may do with the tables.
    ///
    /// # Errors
    /// The database is an SQLite, or there is no such role, or the role owns the tables.
    pub(crate) async fn grant(&self, role: &str) -> Result<()> {
        let mut db = self.connection().await?;
        let (schema,): (String,) = sqlx::query_as(SCHEMA).fetch_one(&mut *db).await?;
        let (known,): (i64,) = sqlx::query_as(EXISTS).bind(role).fetch_one(&mut *db).await?;
        if known == 0 {
            return Err(Error::Broken(format!("PostgreSQL knows no role {role}: CREATE ROLE makes one")));
        }
        let (owner,): (i64,) = sqlx::query_as(IS_OWNER).bind(role).fetch_one(&mut *db).await?;
        if owner != 0 {
            return Err(Error::Broken(format!(
                "the role {role} owns the tables, or can become their owner, and so it may do everything with them"
            )));
        }
        drop(db);
        let (schema, name, role) = (quoted(&schema), role, quoted(role));
        let first = format!(
            "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}; GRANT USAGE ON SCHEMA {schema} TO {role};"
        );
        let mut work = self.begin().await?;
        let sql = format!("{first}\n{}", GRANTS.replace(":role", &role));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *work).await?;
        // Taking rights from the role takes none from those whom the role is a member of, and none from everybody.
        match rewriter(&mut work, name).await? {
            None => Ok(work.commit().await?),
            Some((table, by)) if by == "public" || by == name => Err(Error::Broken(format!(
                "the role {name} may change the table {table} all the same, as everybody may: REVOKE ALL ON {table} FROM PUBLIC"
            ))),
            Some((table, by)) => Err(Error::Broken(format!(
                "the role {name} may change the table {table} all the same, as a member of {by}: REVOKE {by} FROM {name}"
            ))),
        }
    }

    /// Gives the roles that serve what this program's statements need. What a former version needs is left to them.
    pub(crate) async fn grant_again(&self) -> Result<Vec<String>> {
        if self.kind == Kind::Sqlite {
            return Ok(Vec::new());
        }
        let roles: Vec<(String,)> = sqlx::query_as(SERVING).fetch_all(&mut *self.connection().await?).await?;
        let roles: Vec<String> = roles.into_iter().map(|(role,)| role).collect();
        for role in &roles {
            self.run(&GRANTS.replace(":role", &quoted(role))).await?;
        }
        Ok(roles)
    }

    /// Whether the server is a replica, in which nobody writes.
    pub(crate) async fn is_replica(&self) -> Result<bool> {
        if self.kind == Kind::Sqlite {
            return Ok(false);
        }
        let (is,): (i64,) = sqlx::query_as(IS_REPLICA).fetch_one(&mut *self.connection().await?).await?;
        Ok(is != 0)
    }

    async fn run(&self, sql: &str) -> Result<()> {
        let mut work = self.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *work).await?;
        Ok(work.commit().await?)
    }

    /// Whether the role of this program may change the ledger.
    pub(crate) async fn may_rewrite(&self) -> Result<bool> {
        if self.kind == Kind::Sqlite {
            return Ok(true);
        }
        let mut db = self.connection().await?;
        let (who,): (String,) = sqlx::query_as(WHO).fetch_one(&mut *db).await?;
        Ok(rewriter(&mut db, &who).await?.is_some())
    }
}

/// A table that is written once and that this role may change, and by whose rights.
async fn rewriter(db: &mut Connection, role: &str) -> Result<Option<(String, String)>> {
    let all: Vec<(String, String)> = sqlx::query_as(REWRITERS).bind(role).fetch_all(db).await?;
    Ok(all.into_iter().find(|(table, _)| is_written_once(table)))
}
