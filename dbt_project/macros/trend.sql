{#-
    How a sum moved between two periods, from -1 (nothing any more) over 0 (the same) to 1 (nothing before): the
    difference over the sum, which, unlike a percentage, is bounded and exists when the earlier period was empty.
-#}
{% macro trend(now, before) -%}
    coalesce(
        cast({{ now }} - {{ before }} as double)
        / nullif(cast({{ now }} + {{ before }} as double), 0),
        0
    )
{%- endmacro %}
