"""Aggregation: documents stream from stage to stage.

    collection ─▶ $match ─▶ $unwind ─▶ $group ─▶ $sort ─▶ cursor

Each stage is compiled once to a function from an iterator of documents to another one, most of
them generators: a document goes through all of them before the next is read. Those that have to
see everything first ($group, $sort) keep what they need, within a limit.

    stage       what a stage is compiled with; the table of all of them
    memory      how much a stage may hold
    running     a pipeline from its source to its documents
    shaping     $match, $project, $set, $unwind, $sort, $limit …
    grouping    $group, $bucket, $facet …; preferred_numbers: the bounds of $bucketAuto
    joining     $lookup, $graphLookup, $unionWith
    windows     $setWindowFields; filling: $densify, $fill
    near        $geoNear
    sources     $documents, $collStats, $indexStats …
    output      $out, $merge
"""
