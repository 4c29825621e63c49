"""REST: routes, parameters, answers and problems."""
