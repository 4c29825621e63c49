"""Four small real HTTP services over one made-up shop: catalog, reviews, inventory, orders."""
