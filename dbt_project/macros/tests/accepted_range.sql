{#- Fails for every value outside [min_value, max_value]; either end may be left open. Nulls pass. -#}
{% test accepted_range(
    model, column_name, min_value=none, max_value=none, inclusive=true
) %}
    {%- if min_value is none and max_value is none %}
        {{
            exceptions.raise_compiler_error(
                "accepted_range on "
                ~ column_name
                ~ " needs a min_value or a max_value"
            )
        }}
    {%- endif %}
    {%- set below, above = ("<", ">") if inclusive else ("<=", ">=") %}
    select {{ column_name }}
    from {{ model }}
    where
        {% if min_value is not none %}
            {{ column_name }} {{ below }} {{ min_value }}
        {% endif %}
        {% if min_value is not none and max_value is not none %} or{% endif %}
        {% if max_value is not none %}
            {{ column_name }} {{ above }} {{ max_value }}
        {% endif %}
{% endtest %}
