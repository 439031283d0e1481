"""The example business: a shop, told in landing files, models and one trained segmentation."""
