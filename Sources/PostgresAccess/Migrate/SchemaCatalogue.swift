// What PostgreSQL's catalog says of the functions and views of our schema: which there are, what
// depends on them, who may use them. Members of extensions, aggregates and trigger functions are
// left alone: a file replaces those in place.
import LanguageSystem

/// A function, procedure or view of the schema.
struct SchemaObject: Hashable {
    /// The OID of the catalog table of its kind: pg_proc or pg_class.
    let catalogue: Int64
    let oid: Int64
    let kind: String
    let name: String
    /// The name with schema and argument types: `ls.promote(bigint,text,text)`.
    let identity: String
    /// A value that changes with each `create or replace`.
    let version: String

    var isView: Bool { kind == "view" }
    var words: String { "\(kind) \(identity)" }
    var address: Address { Address(catalogue: catalogue, oid: oid) }

    struct Address: Hashable {
        let catalogue: Int64
        let oid: Int64
    }
}

/// An object that depends on another and would be dropped with it.
struct SchemaDependent: Hashable {
    let address: SchemaObject.Address
    let words: String
    let uses: String
}

/// A right on an object that is dropped and created again.
struct SchemaGrant {
    let object: SchemaObject
    /// The column of a view, for a right on one column.
    let column: String?
    /// The right: "grant select" or "grant select (name)".
    let right: String
    /// The receiver: "to ada with grant option".
    let receiver: String

    func statement(on object: SchemaObject) -> String {
        "\(right) on \(object.isView ? "table" : "routine") \(object.identity) \(receiver)"
    }

    /// The right for people: "select (name) on view ls.ranker_status to ada".
    var words: String { "\(right.dropFirst("grant ".count)) on \(object.words) \(receiver)" }
}

/// One storage parameter of a view.
struct SchemaOption: Hashable {
    let view: String
    let name: String
    let value: String
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

    func hasTable(_ name: String) throws -> Bool {
        try connection.execute("select to_regclass($1) is not null", "\(schema).\(name)")
            .one().decode(Bool.self)
    }

    /// All objects of the schema that belong to no extension, such as "view ls.report".
    func everything() throws -> [String] {
        try connection.execute(
            """
            select i.type || ' ' || i.identity as words
            from (
                select 'pg_class'::regclass::oid as catalogue, oid from pg_class
                where relnamespace = to_regnamespace($1)
                    and relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
                union all
                select 'pg_type'::regclass, oid from pg_type
                where typnamespace = to_regnamespace($1) and typtype in ('e', 'd')
                union all
                select 'pg_proc'::regclass, oid from pg_proc
                where pronamespace = to_regnamespace($1)
            ) o, pg_identify_object(o.catalogue, o.oid, 0) i
            where not exists (select from pg_depend e
                where e.classid = o.catalogue and e.objid = o.oid and e.deptype in ('e', 'i'))
            """, schema
        ).map { try $0.decode(String.self, "words") }
    }

    /// The objects of the last release; nil for a release that did not record them.
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

    /// The objects that depend directly on one of these, or on a view's row type.
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

    /// The rights on an object of roles other than its owner, as statements.
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
            select a.column_name, format('grant %s%s', lower(g.privilege_type),
                    ' (' || quote_ident(a.column_name) || ')') as allowed,
                format('to %I%s', r.rolname,
                    case when g.is_grantable then ' with grant option' end) as receiver
            from (\(access)) a, aclexplode(a.acl) g join pg_roles r on r.oid = g.grantee
            where g.grantee <> a.owner
            """, object.oid
        ).map { row in
            SchemaGrant(
                object: object, column: try row.decode("column_name"),
                right: try row.decode("allowed"), receiver: try row.decode("receiver"))
        }
    }

    /// Grants a right again on the object that replaces the old one: the one with the same identity
    /// or, when arguments changed, the only one with its name.
    ///
    /// - Returns: False when there is no such object, or it has no such column.
    func restore(_ grant: SchemaGrant, among objects: [SchemaObject]) throws -> Bool {
        let namesakes = objects.filter {
            $0.name == grant.object.name && $0.isView == grant.object.isView
        }
        guard
            let object = namesakes.first(where: { $0.identity == grant.object.identity })
                ?? (namesakes.count == 1 ? namesakes[0] : nil)
        else { return false }
        if let column = grant.column {
            let isThere = try connection.execute(
                """
                select exists (select from pg_attribute
                    where attrelid = $1::bigint::oid and attname = $2 and not attisdropped)
                """, object.oid, column
            ).one().decode(Bool.self)
            guard isThere else { return false }
        }
        try connection.executeScript(grant.statement(on: object))
        return true
    }

    /// The options of views, which `alter view … set` changed: `security_barrier=true`.
    func options() throws -> [SchemaOption] {
        try connection.execute(
            """
            select c.oid::bigint, c.relname::text as name, o.option_name, o.option_value
            from pg_class c, pg_options_to_table(c.reloptions) o
            where c.relnamespace = $1::text::regnamespace and c.relkind = 'v'
            """, schema
        ).map { row in
            SchemaOption(
                view: try row.decode("name"), name: try row.decode("option_name"),
                value: try row.decode("option_value"))
        }
    }

    func set(_ option: SchemaOption) throws {
        let statement = try connection.execute(
            """
            select format('alter view %I.%I set (%I = %L)', $1::text, $2::text, $3::text, $4::text)
            """,
            schema, option.view, option.name, option.value
        ).one().decode(String.self)
        try connection.executeScript(statement)
    }

    func drop(_ object: SchemaObject) throws {
        try connection.executeScript(
            "drop \(object.isView ? "view" : "routine") \(object.identity) restrict")
    }
}
