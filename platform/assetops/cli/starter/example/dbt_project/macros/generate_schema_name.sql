{#- Asset keys, SQL and suite paths all say `marts.tickets_daily`: a custom schema is taken verbatim. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
