// What PostgreSQL's catalogue says of the functions and views of our schema: which there are, what
// depends on them, who may use them. Members of extensions, aggregates and trigger functions are
// left alone: a file replaces those in place.
import LanguageSystem

/// A function, procedure or view of the schema.
struct SchemaObject: Hashable {
    /// The catalogue's own number of its kind: pg_proc or pg_class.
    let catalogue: Int64
    let oid: Int64
    let kind: String
    let name: String
    /// With schema and argument types: `ls.promote(bigint,text,text)`.
    let identity: String
    /// Another one after each `create or replace`.
    let version: String

    var isView: Bool { kind == "view" }
    var words: String { "\(kind) \(identity)" }
    var address: Address { Address(catalogue: catalogue, oid: oid) }

    struct Address: Hashable {
        let catalogue: Int64
        let oid: Int64
    }
}

/// Something that uses an object and is gone without it.
struct SchemaDependent: Hashable {
    let address: SchemaObject.Address
    let words: String
    let uses: String
}

/// What somebody was allowed on an object that is made anew.
struct SchemaGrant {
    let object: SchemaObject
    /// Of one column of a view.
    let column: String?
    let statement: String
}

struct SchemaCatalogue {
    let schema: String
    let connection: Connection

    func objects() throws -> [SchemaObject] {
        try connection.execute(
            """
            select o.catalogue::bigint, o.oid::bigint, i.type as kind, o.name::text, i.identity,
                o.version
            from (
                select 'pg_proc'::regclass::oid as catalogue, p.oid, p.proname as name,
                    p.xmin::text as version
                from pg_proc p
                where p.pronamespace = $1::text::regnamespace and p.prokind in ('f', 'p')
                    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
                union all
                -- The query of a view is always replaced, its row in pg_class is not.
                select 'pg_class'::regclass::oid, c.oid, c.relname, r.xmin::text
                from pg_class c join pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN'
                where c.relnamespace = $1::text::regnamespace and c.relkind = 'v'
            ) o, pg_identify_object(o.catalogue, o.oid, 0) i
            where not exists (select from pg_depend e
                where e.classid = o.catalogue and e.objid = o.oid and e.deptype = 'e')
            """, schema
        ).map { row in
            SchemaObject(
                catalogue: try row.decode("catalogue"), oid: try row.decode("oid"),
                kind: try row.decode("kind"), name: try row.decode("name"),
                identity: try row.decode("identity"), version: try row.decode("version"))
        }
    }

    /// What the last release made; nil when that was not yet written down.
    func listed() throws -> Set<String>? {
        let words = try connection.execute("select object from \(schema).schema_object")
            .map { try $0.decode(String.self, "object") }
        return words.isEmpty ? nil : Set(words)
    }

    func list(_ objects: [SchemaObject]) throws {
        try connection.execute("delete from \(schema).schema_object")
        try connection.execute(
            "insert into \(schema).schema_object (object) select unnest($1::text[])",
            objects.map(\.words))
    }

    /// What uses one of these directly, or a view's row type.
    func dependents(of addresses: [SchemaObject.Address]) throws -> [SchemaDependent] {
        try connection.execute(
            """
            with recursive o (catalogue, oid) as (
                select catalogue::oid, oid::oid
                from unnest($1::bigint[], $2::bigint[]) as given (catalogue, oid)
                union
                -- Row types and their arrays come and go with the view.
                select d.classid, d.objid
                from o join pg_depend d on d.refclassid = o.catalogue and d.refobjid = o.oid
                where d.classid = 'pg_type'::regclass and d.deptype = 'i'
            )
            select distinct x.catalogue::bigint, x.oid::bigint,
                i.type || ' ' || replace(i.identity, 'pg_catalog.', '') as words,
                u.type || ' ' || replace(u.identity, 'pg_catalog.', '') as uses
            from o join pg_depend d on d.refclassid = o.catalogue and d.refobjid = o.oid
            left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
                -- (Another rule is somebody's own.)
                and r.rulename = '_RETURN'
            -- A view uses a thing through its rule.
            cross join lateral (select
                case when r.oid is null then d.classid else 'pg_class'::regclass end as catalogue,
                coalesce(r.ev_class, d.objid) as oid,
                case when r.oid is null then d.objsubid else 0 end as part) x
            cross join lateral pg_identify_object(x.catalogue, x.oid, x.part) i
            cross join lateral pg_identify_object(d.refclassid, d.refobjid, 0) u
            where d.deptype <> 'i' and (x.catalogue, x.oid) <> (d.refclassid, d.refobjid)
            """, addresses.map(\.catalogue), addresses.map(\.oid)
        ).map { row in
            SchemaDependent(
                address: .init(
                    catalogue: try row.decode("catalogue"), oid: try row.decode("oid")),
                words: try row.decode("words"), uses: try row.decode("uses"))
        }
    }

    /// What others than the owner were allowed on an object, as statements.
    func grants(on object: SchemaObject) throws -> [SchemaGrant] {
        let access =
            object.isView
            ? """
            select null::text as column_name, relacl as acl, relowner as owner
            from pg_class where oid = $1::bigint::oid
            union all
            select a.attname, a.attacl, c.relowner
            from pg_attribute a join pg_class c on c.oid = a.attrelid
            where a.attrelid = $1::bigint::oid and a.attacl is not null
            """
            : """
            select null::text as column_name, proacl as acl, proowner as owner
            from pg_proc where oid = $1::bigint::oid
            """
        return try connection.execute(
            """
            select a.column_name, format('grant %s%s on %s %s to %I%s', g.privilege_type,
                '(' || quote_ident(a.column_name) || ')', $2::text, $3::text, r.rolname,
                case when g.is_grantable then ' with grant option' end) as statement
            from (\(access)) a, aclexplode(a.acl) g join pg_roles r on r.oid = g.grantee
            where g.grantee <> a.owner
            """, object.oid, object.isView ? "table" : "routine", object.identity
        ).map { row in
            SchemaGrant(
                object: object, column: try row.decode("column_name"),
                statement: try row.decode("statement"))
        }
    }

    /// Gives again what was allowed, where the new object still has that shape.
    func restore(_ grant: SchemaGrant) throws {
        let isThere = try connection.execute(
            """
            select case when $2::bool
                then to_regclass($1) is not null and ($3::text is null or exists (select
                    from pg_attribute where attrelid = to_regclass($1) and attname = $3))
                else to_regprocedure($1) is not null end as found
            """, grant.object.identity, grant.object.isView, grant.column
        ).one().decode(Bool.self, "found")
        if isThere { try connection.executeScript(grant.statement) }
    }

    func drop(_ object: SchemaObject) throws {
        try connection.executeScript(
            "drop \(object.isView ? "view" : "routine") \(object.identity) restrict")
    }
}
