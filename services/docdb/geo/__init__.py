"""Geometry: what is where, on the sphere and on the plane.

    geojson     documents become shapes, or errors that say what is wrong with them
    shapes      points, lines and polygons on the sphere, and what contains or crosses what
    sphere      arcs of great circles: the arithmetic below that, with vectors
    plane       the same for flat coordinates: boxes, circles, polygons
    cells       squares within squares: how an ordered index finds what is near

A position on the sphere is a unit vector, because then what is hard with angles is easy: the
angle between two positions is an arc cosine, the side of an arc on which something lies is the
sign of a product, and the date line and the poles are places like any other.
# Real: the S2 library, which MongoDB uses for spheres.
"""
