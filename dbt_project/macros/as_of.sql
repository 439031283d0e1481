{#-
    The time that rules about age are judged at, as a timestamp expression: the variable `as_of`, or the newest landed
    orders where it is not set. Never now(): the same input gives the same output on any day.
-#}
{% macro as_of() -%}
    {#- Asked for in both cases, so that the graph does not depend on a variable. -#}
    {%- set orders = source("retail", "orders") -%}
    {%- if var("as_of") -%} cast('{{ var("as_of") }}' as timestamp)
    {%- else -%} (select max(_landed_at) from {{ orders }})
    {%- endif -%}
{%- endmacro %}
