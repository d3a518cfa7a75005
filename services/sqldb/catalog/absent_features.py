"""Tables of pg_catalog for what this server has not: they are empty, and psql joins with them.

Partitions, triggers, rules, policies, publications, foreign tables, full-text search.
"""

from __future__ import annotations

from services.sqldb.catalog.system_catalog import define_empty

define_empty("pg_inherits", "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool",
             2611)  # fmt: skip
define_empty(
    "pg_trigger",
    "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled char, "
    "tgisinternal bool, tgconstrrelid oid, tgconstrindid oid, tgconstraint oid, tgdeferrable bool, "
    "tginitdeferred bool, tgnargs int2, tgattr int2vector, tgargs bytea, tgqual text, "
    "tgoldtable name, tgnewtable name",
    2620,
)
define_empty("pg_policy", "oid oid, polname name, polrelid oid, polcmd char, polpermissive bool, "
             "polroles _oid, polqual text, polwithcheck text", 3256)  # fmt: skip
define_empty("pg_range", "rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, "
             "rngsubopc oid, rngcanonical regproc, rngsubdiff regproc", 3541)  # fmt: skip
define_empty("pg_statistic_ext", "oid oid, stxrelid oid, stxname name, stxnamespace oid, "
             "stxowner oid, stxstattarget int4, stxkeys int2vector, stxkind _char, stxexprs text",
             3381)  # fmt: skip
define_empty("pg_publication", "oid oid, pubname name, pubowner oid, puballtables bool, "
             "pubinsert bool, pubupdate bool, pubdelete bool, pubtruncate bool, pubviaroot bool",
             6104)  # fmt: skip
define_empty("pg_publication_rel", "oid oid, prpubid oid, prrelid oid, prqual text, "
             "prattrs int2vector", 6106)  # fmt: skip
define_empty("pg_publication_namespace", "oid oid, pnpubid oid, pnnspid oid", 6237)
define_empty("pg_partitioned_table", "partrelid oid, partstrat char, partnatts int2, "
             "partdefid oid, partattrs int2vector, partclass oidvector, "
             "partcollation oidvector, partexprs text", 3350)  # fmt: skip
define_empty("pg_opfamily", "oid oid, opfmethod oid, opfname name, opfnamespace oid, opfowner oid",
             2753)  # fmt: skip
define_empty("pg_foreign_server", "oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text, "
             "srvversion text, srvacl _aclitem, srvoptions _text", 1417)  # fmt: skip
define_empty("pg_foreign_table", "ftrelid oid, ftserver oid, ftoptions _text", 3118)

define_empty("pg_event_trigger", "oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, "
             "evtenabled char, evttags _text", 3466)  # fmt: skip
define_empty("pg_shdescription", "objoid oid, classoid oid, description text", 2396)
define_empty("pg_db_role_setting", "setdatabase oid, setrole oid, setconfig _text", 2964)
define_empty("pg_largeobject_metadata", "oid oid, lomowner oid, lomacl _aclitem", 2995)
define_empty("pg_seclabel", "objoid oid, classoid oid, objsubid int4, provider text, label text",
             3596)  # fmt: skip
define_empty("pg_foreign_data_wrapper", "oid oid, fdwname name, fdwowner oid, fdwhandler oid, "
             "fdwvalidator oid, fdwacl _aclitem, fdwoptions _text", 2328)  # fmt: skip
define_empty("pg_user_mappings", "umid oid, srvid oid, srvname name, umuser oid, usename name, "
             "umoptions _text")  # fmt: skip
define_empty("pg_user_mapping", "oid oid, umuser oid, umserver oid, umoptions _text", 1418)
define_empty("pg_conversion", "oid oid, conname name, connamespace oid, conowner oid, "
             "conforencoding int4, contoencoding int4, conproc regproc, condefault bool",
             2607)  # fmt: skip
define_empty("pg_ts_config", "oid oid, cfgname name, cfgnamespace oid, cfgowner oid, "
             "cfgparser oid", 3602)  # fmt: skip
define_empty("pg_ts_config_map", "mapcfg oid, maptokentype int4, mapseqno int4, mapdict oid", 3603)
define_empty("pg_ts_dict", "oid oid, dictname name, dictnamespace oid, dictowner oid, "
             "dicttemplate oid, dictinitoption text", 3600)  # fmt: skip
define_empty("pg_ts_parser", "oid oid, prsname name, prsnamespace oid, prsstart regproc, "
             "prstoken regproc, prsend regproc, prsheadline regproc, prslextype regproc",
             3601)  # fmt: skip
define_empty("pg_ts_template", "oid oid, tmplname name, tmplnamespace oid, tmplinit regproc, "
             "tmpllexize regproc", 3764)  # fmt: skip
define_empty("pg_subscription", "oid oid, subdbid oid, subname name, subowner oid, "
             "subenabled bool, subbinary bool, substream bool, subtwophasestate char, "
             "subdisableonerr bool, subskiplsn int8, subconninfo text, subslotname name, "
             "subsynccommit text, subpublications _text", 6100)  # fmt: skip
define_empty("pg_amop", "oid oid, amopfamily oid, amoplefttype oid, amoprighttype oid, "
             "amopstrategy int2, amoppurpose char, amopopr oid, amopmethod oid, "
             "amopsortfamily oid", 2602)  # fmt: skip
define_empty("pg_amproc", "oid oid, amprocfamily oid, amproclefttype oid, amprocrighttype oid, "
             "amprocnum int2, amproc regproc", 2603)  # fmt: skip
define_empty("pg_parameter_acl", "oid oid, parname text, paracl _aclitem", 6243)
define_empty("pg_transform", "oid oid, trftype oid, trflang oid, trffromsql regproc, "
             "trftosql regproc", 3576)  # fmt: skip
define_empty("pg_statistic_ext_data", "stxoid oid, stxdinherit bool, stxdndistinct text, "
             "stxddependencies text, stxdmcv text, stxdexpr text", 3429)  # fmt: skip
define_empty("pg_shdepend", "dbid oid, classid oid, objid oid, objsubid int4, refclassid oid, "
             "refobjid oid, deptype char", 1214)  # fmt: skip
define_empty("pg_seclabels", "objoid oid, classoid oid, objsubid int4, objtype text, "
             "objnamespace oid, objname text, provider text, label text")  # fmt: skip
define_empty("pg_shseclabel", "objoid oid, classoid oid, provider text, label text", 3592)
